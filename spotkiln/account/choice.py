"""The network that an account's stack is made in: what a person says of it, and what there is."""

from collections.abc import Mapping, Sequence

from spotkiln.errors import InputError
from spotkiln.noun import Noun

# The account's own VPC, as a person types it.
DEFAULT = "default"


class Place(Noun):
    """A subnet. `public`: it gives public addresses. `default`: its zone's in the default VPC."""

    id: str
    zone: str
    public: bool = False
    default: bool = False

    def __str__(self) -> str:
        return f"{self.id} ({self.zone}{', public' if self.public else ''})"


class Vpc(Noun):
    """A network and its subnets."""

    id: str
    ranges: str
    default: bool = False
    places: tuple[Place, ...] = ()

    def __str__(self) -> str:
        kind = f"{'default, ' if self.default else ''}{self.ranges}"
        return f"{self.id} ({kind}): {', '.join(map(str, self.places)) or 'no subnets'}"


def said(wanted: Mapping[str, str]) -> bool:
    """Whether nothing is left to be found out."""
    return wanted.get("Vpc", DEFAULT) != DEFAULT and bool(wanted.get("Subnets"))


def settled(wanted: Mapping[str, str], there: Sequence[Vpc], region: str) -> dict[str, str]:
    """The same with ids for the default VPC, and its subnets if none are said.

    Raises:
        InputError: Vpc or Subnets are not said, or there is no default VPC.
    """
    own = next((one for one in there if one.default), None)
    if wanted.get("Vpc") != DEFAULT:
        raise InputError(
            "expected --set Vpc=ID --set Subnets=ID,ID, the load balancer's subnets in two zones "
            f"at least{', or --set Vpc=default' if own else ''}; {_listed(there, region)}"
        )
    if own is None:
        raise InputError(f"Vpc=default: there is no default VPC; {_listed(there, region)}")
    subnets = ",".join(one.id for one in own.places if one.default)
    return {"Subnets": subnets, **wanted, "Vpc": own.id}


def _listed(there: Sequence[Vpc], region: str) -> str:
    lines = "".join(f"\n  {one}" for one in there)
    return f"{region} has{lines or ' no VPC'}"
