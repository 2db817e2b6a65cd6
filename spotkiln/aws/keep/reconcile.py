"""Finds what nobody owns."""

from collections.abc import Callable

from spotkiln.aws.keep.facts import gather
from spotkiln.aws.keep.living import Claims, read_claims
from spotkiln.aws.session import Aws
from spotkiln.keep.heartbeat import EndedRuns
from spotkiln.keep.housekeeping import Reconciled
from spotkiln.keep.reconcile import decide
from spotkiln.keep.scope import groups_to_ask


def find_unowned(
    aws: Aws, claims: Claims, target_group: str, *, ended: EndedRuns, say: Callable[[str], None]
) -> Reconciled:
    """What there is to do, in order; what is put off; and what only looks like ours. Reads only.

    `claims` were read before: a release that starts in between owns nothing yet that could be taken
    for an orphan's. `target_group` (its name) narrows what there is to do; empty: everything. Then
    the claims on it are enough: those of others are read if something that is found may be theirs.
    """
    facts = gather(aws, claims.living, claims.tags, claims.builders)
    actions = decide(facts, target_group)
    if actions:
        # Who began to live during the look may have made what was seen. More of the living never
        # means more to do, so where there was nothing they need not be read again.
        groups = groups_to_ask(facts, actions, target_group) if target_group else None
        living = facts.living | read_claims(aws, ended, groups).living
        actions = decide(facts.model_copy(update={"living": living}), target_group)
    found = Reconciled.of(actions, facts.left_alone, aws.now()).model_copy(
        update={"fleets": (*facts.fleets, *facts.others)}
    )
    for action in found.todo:
        say(f"to do: {action}")
    if found.put_off:
        say(f"put off, not tried again yet: {'; '.join(map(str, found.put_off))}")
    if found.left_alone:
        say(f"left alone, only their tags look like ours: {'; '.join(map(str, found.left_alone))}")
    return found
