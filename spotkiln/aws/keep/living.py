"""Reads who lives: the releases and the bakes that renew their lease."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from spotkiln.aws.bake import infra as aws_infra
from spotkiln.aws.keep import lease as leases
from spotkiln.aws.serve.group_tags import tags_of
from spotkiln.aws.session import Aws
from spotkiln.keep.facts import BuilderGroup
from spotkiln.keep.heartbeat import EndedRuns
from spotkiln.keep.lease import Lease, from_tags, queue


@dataclass(frozen=True)
class Claims:
    """`living` are the releases that hold or wait for a target group, and the bakes for none.
    `dead` are the leases of the others, by the ARN of the target group that they are on. `tags` are
    those of the target groups that were asked for, at that moment, by ARN; `builders` the security
    groups of our machines."""

    living: frozenset[str]
    dead: dict[str, list[Lease]] = field(default_factory=dict)
    tags: dict[str, dict[str, str]] = field(default_factory=dict, compare=False)
    builders: tuple[BuilderGroup, ...] = field(default=(), compare=False)


def read_claims(
    aws: Aws,
    ended: EndedRuns,
    target_groups: Collection[str] | None = None,
    known: Sequence[str] = (),
) -> Claims:
    """All that claim something in the region now; of releases those alone for these target groups
    (names), if they are given. `known` are the ARNs of all of these, if they need not be looked up.
    `ended` says which of some runs have ended."""
    builders = leases.builder_groups(aws)
    baking = [lease for one in builders for lease in from_tags(one.tags)]
    tags = tags_of(aws, known or aws_infra.target_group_arns(aws, target_groups))
    held = {arn: from_tags(own) for arn, own in tags.items()}
    over = ended(one.run for found in (baking, *held.values()) for one in found)
    now = aws.now()
    living = {one.release for one in queue(baking, now, over)}
    dead = {}
    for group, found in held.items():
        alive = queue(found, now, over)
        living |= {one.release for one in alive}
        if gone := [one for one in found if one not in alive]:
            dead[group] = gone
    return Claims(living=frozenset(living), dead=dead, tags=tags, builders=tuple(builders))


def remove_dead(aws: Aws, claims: Claims) -> None:
    """Take the leases of the dead from their target groups: nobody waits for them, but a target
    group has room for 50 tags."""
    for group, found in claims.dead.items():
        leases.remove(aws, group, found)
