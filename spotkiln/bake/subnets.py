"""Where servers and builders run: subnets, found by id, Name tag, or another tag."""

from collections.abc import Mapping, Sequence
from typing import Self

from spotkiln.bake.builder import Builder
from spotkiln.bake.infra_names import InfraNames
from spotkiln.errors import InputError
from spotkiln.noun import Noun


class Subnet(Noun):
    """`name` is its Name tag, empty without one."""

    id: str
    vpc: str
    zone: str
    tags: dict[str, str] = {}  # noqa: RUF012 - pydantic copies defaults

    @property
    def name(self) -> str:
        return self.tags.get("Name", "")

    def __str__(self) -> str:
        return f"{self.name} ({self.id})" if self.name else self.id

    def is_called(self, asked: str) -> bool:
        """By its id, its Name tag, or a tag, as `tier=private`."""
        if asked in {self.id, self.name}:
            return True
        key, equals, value = asked.partition("=")
        return bool(equals) and self.tags.get(key) == value


class Network(Noun):
    """Ids of the subnets of a target group's servers, of what builds for them, the first that has
    room, and of the load balancer. `zones`: the servers'."""

    servers: tuple[str, ...]
    balancer: tuple[str, ...]
    builders: tuple[str, ...]
    zones: tuple[str, ...]

    @classmethod
    def around(cls, balancers: Mapping[str, str]) -> Self:
        """All in the load balancer's own subnets, given with their zones: builders
        too."""
        ids = tuple(balancers)
        return cls(servers=ids, balancer=ids, builders=ids, zones=tuple(balancers.values()))

    def with_servers(self, chosen: Sequence[Subnet]) -> Self:
        return self.model_copy(
            update={
                "servers": tuple(one.id for one in chosen),
                "zones": tuple(dict.fromkeys(one.zone for one in chosen)),
            }
        )

    def with_builders(self, subnets: Sequence[str]) -> Self:
        return self.model_copy(update={"builders": tuple(subnets)})


def find_subnets(
    asked: Sequence[str], there: Sequence[Subnet], where: str, setting: str
) -> list[Subnet]:
    """Those that are asked for, in this order and each once. A tag may stand for several, an id or
    a name for one. `where` is the place that `there` lists, in words; `setting` asks for them.

    Raises:
        InputError: there is none of that name, or several.
    """
    chosen: dict[str, Subnet] = {}
    for name in asked:
        found = sorted((one for one in there if one.is_called(name)), key=lambda one: one.zone)
        if not found:
            known = ", ".join(sorted(str(one) for one in there)[:20]) or "none"
            raise InputError(
                f"no subnet {name!r} in {where}; there are: {known}. Name one in {setting}, by its "
                "id, its Name tag, or a tag such as tier=private"
            )
        if len(found) > 1 and "=" not in name:
            several = ", ".join(one.id for one in found)
            raise InputError(
                f"expected one subnet {name!r} in {where}, found {len(found)}: {several}; "
                f"let {setting} have their ids, or a tag such as tier=private"
            )
        chosen |= {one.id: one for one in found}
    return list(chosen.values())


def for_servers(
    asked: Sequence[str], there: Sequence[Subnet], zones: Sequence[str], where: str, balancer: str
) -> list[Subnet]:
    """Those for servers behind a load balancer, whose subnets are in `zones`: it sends no request
    elsewhere.

    Raises:
        InputError: one is not there, or is where no request would come.
    """
    chosen = find_subnets(asked, there, where, "infra.subnets")
    if outside := [one for one in chosen if one.zone not in zones]:
        listed = ", ".join(f"{one} in {one.zone}" for one in outside)
        raise InputError(
            f"load balancer {balancer} sends requests to {', '.join(sorted(zones))} only, so a "
            f"server in {listed} would get none: add the zone to the load balancer, or leave the "
            "subnet out of infra.subnets"
        )
    return chosen


def follows_servers(build: Builder, names: InfraNames) -> bool:
    """Whether a builder without a subnet of its own runs in the servers': it needs no
    public address, which a private subnet has not."""
    return bool(names.subnets) and not build.ssh_interface.is_public
