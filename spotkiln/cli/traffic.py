"""The target groups of an application, and which of them gets requests."""

from spotkiln.aws.bake.infra import target_group
from spotkiln.aws.serve.split import split
from spotkiln.aws.serve.weights import find_rules, read_pair
from spotkiln.aws.session import connect, resolve_region
from spotkiln.cli.output import tell
from spotkiln.errors import InputError
from spotkiln.noun import Noun
from spotkiln.release.release import ReleaseSpec


class Shares(Noun):
    """The weights of a pair, by the target groups' names."""

    weights: dict[str, int]


def look(spec: ReleaseSpec, second: str = "") -> Shares:
    """As AWS tells it now.

    Raises:
        InputError: it has one target group.
    """
    names = spec.infra
    second = second or names.second_target_group
    if not second:
        raise InputError(
            f"{spec.app.name} has one target group, {names.target_group}: --split NAME makes a "
            "second one (`spotkiln docs traffic`)"
        )
    aws = connect(resolve_region(names.region))
    first, other = target_group(aws, names.target_group), target_group(aws, second)
    return Shares(weights=read_pair(aws, first, other, find_rules(aws, first, other)).of)


def make(spec: ReleaseSpec, second: str) -> Shares:
    """Make a pair of its target group."""
    aws = connect(resolve_region(spec.infra.region))
    split(aws, spec.infra.target_group, second, tell)
    return look(spec, second)


def text(found: Shares) -> str:
    whole = sum(found.weights.values()) or 1
    return "\n".join(
        f"{name}: {100 * weight / whole:.0f} % of the requests"
        for name, weight in found.weights.items()
    )
