"""Trigger: who or what started a run, as far as Prefect tells.

The open-source server knows no users. Whoever starts a run and wants to be named puts tags on it:
`trigger:push` says what it was, `by:alice` who. They inform; they prove nothing.
"""

import re
from collections.abc import Iterable

from spotkiln.noun import Noun

KIND_TAG = "trigger:"
BY_TAG = "by:"
KIND = re.compile(r"[a-z][a-z0-9-]{0,19}")
# How the UI explains the first state of a run that it creates.
OF_THE_UI = "Run from the Prefect UI"


class Trigger(Noun):
    """`kind` is one word; `by` is a name, of a person, a schedule or an automation, or empty."""

    kind: str = "unknown"
    by: str = ""

    def __str__(self) -> str:
        return f"{self.kind} ({self.by})" if self.by else self.kind


def tags_of(trigger: Trigger) -> list[str]:
    """What to put on a run so that it is known by whom it was started."""
    tags = [f"{KIND_TAG}{trigger.kind}"]
    return [*tags, f"{BY_TAG}{trigger.by}"] if trigger.by else tags


def trigger_of(
    *,
    tags: Iterable[str] = (),
    creator: str = "",
    creator_name: str = "",
    first_message: str | None = None,
    parent: bool = False,
    deployed: bool = False,
) -> Trigger:
    """From what Prefect keeps of a run: `creator` is the type and `creator_name` the value of
    its `created_by`, `first_message` its first state's message, `parent` whether another run
    started it, `deployed` whether it is a deployment's. What is said by tags goes first.

    The UI's form for a custom run sends what its field for a message holds, and so an empty one;
    a program sends none.
    """
    named = sorted(tags)
    kind = next((x.removeprefix(KIND_TAG) for x in named if x.startswith(KIND_TAG)), "")
    by = next((x.removeprefix(BY_TAG) for x in named if x.startswith(BY_TAG)), "")
    if KIND.fullmatch(kind):
        return Trigger(kind=kind, by=by[:100])
    if creator in {"SCHEDULE", "AUTOMATION"}:
        return Trigger(kind=creator.lower(), by=creator_name)
    if parent:
        return Trigger(kind="flow", by=by)
    if first_message is not None and (not first_message or first_message.startswith(OF_THE_UI)):
        return Trigger(kind="ui", by=by)
    # Without a deployment somebody has called the flow in a program of theirs.
    return Trigger(kind="api" if deployed else "script", by=by)


def run_name(app: str, commit: str, trigger: Trigger, *, back: bool = False) -> str:
    """A run's name once it is known what it releases: `shop 3f2a91c push`."""
    return f"{app} {'back to ' if back else ''}{commit[:7]} {trigger.kind}"
