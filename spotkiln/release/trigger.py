"""Trigger: who or what started a run, as far as Prefect knows.

Prefect's open-source server knows no users. A person or program that starts a run can put tags on
it: `trigger:push` says what started the run, `by:alice` who. They inform; they prove nothing.
"""

import re
from collections.abc import Iterable

from spotkiln.noun import Noun

KIND_TAG = "trigger:"
BY_TAG = "by:"
KIND = re.compile(r"[a-z][a-z0-9-]{0,19}")
# The message that the UI gives to the first state of a run.
OF_THE_UI = "Run from the Prefect UI"


class Trigger(Noun):
    """`kind` is one word; `by` is a name, of a person, a schedule or an automation, or empty."""

    kind: str = "unknown"
    by: str = ""

    def __str__(self) -> str:
        return f"{self.kind} ({self.by})" if self.by else self.kind


def tags_of(trigger: Trigger) -> list[str]:
    """The tags that tell who or what started a run."""
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
    """Who or what started a run, by what Prefect keeps of it.

    `creator` is the type and `creator_name` the value of its `created_by`, `first_message` the
    message of its first state. `parent` says whether another run started it, `deployed` whether it
    is a run of a deployment. Tags go before all of these.

    The UI's form always sends a message, which may be empty. A program sends none.
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
    # Without a deployment: a person's own program has called the flow.
    return Trigger(kind="api" if deployed else "script", by=by)


def place(app: str, deployment: str) -> str:
    """What people call an application in one of its environments: by its deployment, which has the
    application's name in its own, as `shop-staging`, or stands behind it, as `shop/staging`."""
    if not deployment or app in deployment:
        return deployment or app
    return f"{app}/{deployment}"


def run_name(where: str, commit: str, trigger: Trigger, *, how: str = "") -> str:
    """The name of a run that releases this commit: `shop-staging 3f2a91c push`."""
    return " ".join(filter(None, (where, how, commit[:7], trigger.kind)))
