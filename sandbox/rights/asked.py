"""What a call asks the right for: actions on resources, with what IAM is told of the request.

One call may ask for several: tags that are given with a creation are `CreateTags` as well, a role
that is handed on is `PassRole`, and a launch is judged for each thing that it uses or makes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.rights.table import Action, find
from sandbox.rights.world import World

# What a call is about that concerns no single resource.
ANY = "*"
Tags = Mapping[str, str]


@dataclass(frozen=True)
class Asked:
    action: str  # such as ec2:RunInstances
    resource: str
    context: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class About:
    """A resource of a call. `given`: the tags that it gets; `keys`: those that it loses."""

    arn: str
    kind: str = ""  # as AWS's table has it; empty: by the ARN
    given: Tags = field(default_factory=dict)
    has: Tags = field(default_factory=dict)
    keys: tuple[str, ...] = ()
    more: Mapping[str, str] = field(default_factory=dict)


def on(world: World, service: str, operation: str, resources: Iterable[About]) -> list[Asked]:
    """The right to one action on each of these."""
    action = find(service, operation)
    return [
        Asked(f"{service}:{action.name}", one.arn, _context(world, service, action, one))
        for one in resources
    ]


def _context(
    world: World, service: str, action: Action, about: About
) -> dict[str, tuple[str, ...]]:
    """Only what AWS tells for this action on this kind of resource."""
    kind = action.kind(about.kind) if about.kind else action.kind_of(about.arn)
    told: dict[str, tuple[str, ...]] = {
        "aws:requestedregion": (world.region,),
        "aws:principalaccount": (world.account_id,),
        f"{service}:region": (world.region,),
    }
    told |= {key.lower(): (value,) for key, value in about.more.items()}
    told |= {f"aws:requesttag/{key.lower()}": (value,) for key, value in about.given.items()}
    for key, value in about.has.items():
        told[f"aws:resourcetag/{key.lower()}"] = (value,)
        told[f"{service}:resourcetag/{key.lower()}"] = (value,)
    keys = tuple(about.given) or about.keys
    if keys:
        told["aws:tagkeys"] = keys
    return {key: value for key, value in told.items() if action.knows(key, kind)}


def tagged(
    world: World, service: str, operation: str, creating: str, made: Iterable[About]
) -> list[Asked]:
    """Tags that a creation gives: the right to tag, with the creation as `CreateAction`."""
    more = {f"{service}:CreateAction": creating}
    wanted = [About(one.arn, one.kind, one.given, more=more) for one in made if one.given]
    return on(world, service, operation, wanted)


def passed(world: World, role: str, service: str) -> list[Asked]:
    """The right to hand a role (ARN) on to a service of AWS's."""
    about = About(role, "role", more={"iam:PassedToService": service})
    return on(world, "iam", "PassRole", [about])


def of_tags(tags: Any) -> dict[str, str]:
    return {str(one.get("Key", "")): str(one.get("Value", "")) for one in tags or ()}
