"""Order: what a launcher is asked for."""

from collections.abc import Mapping
from typing import Any

from spotkiln import tags as t
from spotkiln.bake.architectures import runs_any
from spotkiln.bake.image import Image
from spotkiln.bake.infra import Infra
from spotkiln.bake.recipe import digest_of
from spotkiln.errors import InputError
from spotkiln.noun import Noun
from spotkiln.serve.fleet import Fleet, Phase
from spotkiln.serve.scaling import Bounds, Suspension
from spotkiln.serve.spec import FleetSpec, LauncherKind, next_attempt
from spotkiln.serve.step import Step


class Variant(Noun):
    """What servers of one architecture are launched from: the image, and what AWS may take for them
    (as FleetSpec's `overrides`)."""

    image: Image
    overrides: tuple[dict[str, Any], ...]


class Order(Noun):
    """The servers of one release.

    `wanted` is what to launch now: its capacity follows what serves, and after an attempt without
    capacity it allows more. `asked` is what the deployment asks for, and what the fleet counts as:
    the next release compares itself with that. `tags` are those of the release.

    A launcher that replaces unhealthy servers leaves a new one alone for `patience_seconds`: the
    gate judges first. `warm_up_seconds` is how long a new one takes until its load tells something.
    `least` is how many there are at least, whatever scales them; 0: as the deployment asks.
    `batches`: they come one batch after the other, and not all at once.
    """

    wanted: FleetSpec
    asked: FleetSpec
    image: Image
    infra: Infra
    tags: dict[str, str]
    patience_seconds: int = 600
    warm_up_seconds: int = 120
    least: int = 0
    batches: tuple[Step, ...] = ()

    @property
    def release(self) -> str:
        return self.tags[t.RELEASE]

    @property
    def variants(self) -> tuple[Variant, ...]:
        """One for each of its images that one of its types runs."""
        each = (
            Variant(image=one, overrides=tuple(self._overrides_of(one))) for one in self.image.every
        )
        return tuple(one for one in each if one.overrides)

    def _overrides_of(self, image: Image) -> list[dict[str, Any]]:
        """Where they say attributes, EC2 takes types that run the image."""
        return [
            one
            for one in self.wanted.overrides
            if "InstanceType" not in one
            or runs_any(self.infra.runs, one["InstanceType"], [image.architecture])
        ]

    @property
    def digest(self) -> str:
        """Stands for what is to be launched: another attempt of the same release has another."""
        return digest_of(self.wanted.model_dump(mode="json"))

    @property
    def part_tags(self) -> dict[str, str]:
        """The tags of what the fleet is made of. What a fleet holds may be lifted later: that is
        told in one place only."""
        return {key: value for key, value in self.tags.items() if key != t.HELD}

    @property
    def fleet_tags(self) -> dict[str, str]:
        """The tags of the fleet at the moment of its creation."""
        pair = {t.PAIR: self.infra.first.arn} if self.infra.first else {}
        # It scales only once it has been promoted, and has taken over.
        suspended = Suspension(release=self.release).to_tag()
        scaling = {t.SCALING: suspended} if self.asked.scaling.used else {}
        sizes = " ".join(str(one.servers) for one in self.batches)
        batches = {t.BATCHES: sizes} if sizes else {}
        tags = fleet_tags(self.tags, self.image, self.infra, self.asked)
        names = " ".join(one.name for one in self.infra.also)
        also = {t.ALSO_BEHIND: names} if names else {}
        return {**tags, **pair, **also, **scaling, **batches}

    @property
    def first(self) -> FleetSpec:
        """What is asked for at once: the first batch."""
        return self.sized(self.batches[0].servers) if self.batches else self.wanted

    def sized(self, servers: int) -> FleetSpec:
        """The same with so many servers of them, the On-Demand ones first."""
        on_demand = min(self.wanted.on_demand, servers)
        return self.wanted.model_copy(update={"capacity": servers, "on_demand": on_demand})

    @property
    def bounds(self) -> Bounds:
        """Between which scaling may change it."""
        least = min(self.least or self.asked.capacity, self.wanted.capacity)
        return Bounds(least=least, most=max(self.wanted.most, self.wanted.capacity))

    def after(self, live: int) -> "Order | None":
        """The next attempt, after this one got no more than `live` instances in time; None if
        nothing else is allowed."""
        following = next_attempt(self.wanted, live)
        return self.model_copy(update={"wanted": following}) if following else None


# How many serve may be scaled at any time; which launcher keeps them is told by the fleet itself.
NOT_SETTINGS = {"capacity", "most", "launcher"}


def unset(spec: FleetSpec) -> set[str]:
    """Settings that came later and are not used: what serves without them is alike."""
    used = {
        "on_demand_percentage": spec.on_demand_percentage,
        "scaling": spec.scaling.used,
        "attributes": spec.attributes.used,
        "disk": spec.disk.used,
        "monitoring": spec.monitoring,
        "credits": spec.credits,
    }
    return {name for name, value in used.items() if not value}


def require_a_subnet_a_zone(spec: FleetSpec, infra: Infra) -> None:
    """
    Raises:
        InputError: EC2 would refuse the fleet: two subnets of a zone would be one pool twice.
    """
    if spec.launcher is LauncherKind.FLEET and len(infra.subnets) > len(set(infra.zones)):
        raise InputError(
            f"launcher {spec.launcher} takes one subnet of each zone, and infra.subnets stands for "
            f"{len(infra.subnets)} in {len(set(infra.zones))} zones: {', '.join(infra.subnets)}. "
            "Name one a zone, by its id, its Name tag, or a tag that one of each has; or launch "
            f"with {LauncherKind.GROUP}, which takes several"
        )


def settings_digest(spec: FleetSpec, infra: Infra) -> str:
    """Stands for all that decides the servers besides the image and their number: that may be
    scaled at any time (capacity.py). What is configured counts with its versions."""
    versions = infra.configuration.versions
    mounts = [one.model_dump() for one in infra.mounts]
    return digest_of(
        {
            "spec": spec.model_dump(mode="json", exclude=NOT_SETTINGS | unset(spec)),
            "subnets": infra.subnets,
            "security_groups": infra.security_groups,
            "role": infra.fleet_role,
            "profile": infra.instance_profile,
            "key": infra.key_pair,
            # Where AWS scales, its bounds are settings like any other.
            **({"bounds": [spec.capacity, spec.most]} if spec.scaling.used else {}),
            **({"configuration": versions} if versions else {}),
            **({"mounts": mounts} if mounts else {}),
            **({"also": sorted(one.arn for one in infra.also)} if infra.also else {}),
            **({"tags": infra.tags} if infra.tags else {}),
            **({"template": infra.template.identity} if infra.template else {}),
            **({"logs": infra.logs.user_data} if infra.logs.group else {}),
        }
    )


def made_alike(current: Fleet, spec: FleetSpec, image: Image, infra: Infra) -> bool:
    """Whether a fleet is what would be asked for, but for its size: this image, these settings."""
    return current.image == image.id and current.tags.get(t.SETTINGS) == settings_digest(
        spec, infra
    )


def fleet_tags(
    base: Mapping[str, str], image: Image, infra: Infra, spec: FleetSpec
) -> dict[str, str]:
    """A fleet's tags at the moment of its creation; `spec` is what the deployment asks for."""
    twin = {t.TWIN: image.twin.id} if image.twin else {}
    return {
        **base,
        **twin,
        t.PHASE: Phase.PENDING,
        t.IMAGE: image.id,
        t.SETTINGS: settings_digest(spec, infra),
        t.CAPACITY: str(spec.capacity),
    }
