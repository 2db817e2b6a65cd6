"""Push: what was pushed where, which deployments it starts, and which of several is the newest.

A deployment listens by its own tags, `push:branch=main` and the like. So an application stays one
stanza of prefect.yaml, and what listens can be seen, and changed, where the deployment is.
"""

import os
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field

from spotkiln.errors import InputError
from spotkiln.noun import Noun
from spotkiln.trigger import Trigger, tags_of

LISTENS = "push:"
# On flow runs, so that those of one repository and branch are found.
PUSHED = "pushed:"
COMMIT = r"^[0-9a-f]{40}([0-9a-f]{24})?$"
HEADS, TAGS = "refs/heads/", "refs/tags/"


class Host(StrEnum):
    """Of repositories: who sends the push."""

    GITHUB = "github"
    GITLAB = "gitlab"
    GITEA = "gitea"


def identity(repository: str) -> str:
    """The same for all addresses of a repository: `example.com/team/shop`, or an absolute path.

    User, port and scheme are left out, and so is the case of all that is not a path: hosts of
    repositories do not tell `Shop` from `shop` either.
    """
    address = repository.strip()
    scp = re.fullmatch(r"(?:[^@/:]+@)?([^/:]+):(?!//)(.+)", address)
    if address.startswith("file://") or ("://" not in address and not scp):
        path = os.path.abspath(address.removeprefix("file://"))  # noqa: PTH100 - no look at the disk
        return path.removesuffix("/.git").removesuffix(".git")
    if scp:
        host, path = scp.groups()
    else:
        try:
            parts = urlsplit(address)
        except ValueError:
            return address  # it fits nothing but itself
        host, path = parts.hostname or "", parts.path
    return f"{host}/{path.strip('/').removesuffix('.git')}".lower()


class Push(Noun):
    """A branch or tag that names another commit than before.

    `after` is what the ref names: for an annotated tag the tag's own object, not the `commit`.
    `pushed` is when, and `by` the name of who did, if the host tells; `secret` names the secret
    that the delivery was signed by.
    """

    host: Host
    repositories: tuple[str, ...] = Field(min_length=1)
    ref: str = Field(pattern=r"^refs/(heads|tags)/[^\s~^:?*\[\\\x00-\x1f\x7f]+$", max_length=500)
    before: str = Field(pattern=COMMIT)
    after: str = Field(pattern=COMMIT)
    commit: str = Field(pattern=COMMIT)
    pushed: datetime | None = None
    by: str = ""
    secret: str = ""

    @property
    def short(self) -> str:
        """`main` for a branch, `tags/v1` for a tag."""
        return self.ref.removeprefix(HEADS).removeprefix("refs/")

    @property
    def what(self) -> str:
        kind = "tag" if self.ref.startswith(TAGS) else "branch"
        return f"{kind} {self.short.removeprefix('tags/')} of {self.repositories[0]}"

    def same_as(self, other: "Push") -> bool:
        """The same change of the same ref, by whichever delivery it came."""
        return (self.repositories[0], self.ref, self.before, self.after) == (
            *(other.repositories[0], other.ref, other.before, other.after),
        )


class Ignored(Noun):
    """Nothing is to be done, and that is all right."""

    reason: str


class Subscription(Noun):
    """What a deployment listens to: patterns of branches and tags, and whose signature it takes
    (empty: any)."""

    branches: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    secret: str = ""

    @classmethod
    def from_tags(cls, tags: Iterable[str]) -> "Subscription":
        """From a deployment's tags.

        Raises:
            InputError: one begins with `push:` and is none of ours.
        """
        kinds: dict[str, list[str]] = {"branch": [], "tag": [], "secret": []}
        for tag in sorted(tags):
            if not tag.startswith(LISTENS):
                continue
            kind, equals, value = tag.removeprefix(LISTENS).partition("=")
            if kind not in kinds or not equals or not value:
                raise InputError(
                    f"expected push:branch=PATTERN, push:tag=PATTERN or push:secret=NAME, "
                    f"got the tag {tag!r}"
                )
            kinds[kind].append(value)
        if len(kinds["secret"]) > 1:
            raise InputError(f"expected one tag push:secret=NAME, got {', '.join(kinds['secret'])}")
        return cls(
            branches=tuple(kinds["branch"]),
            tags=tuple(kinds["tag"]),
            secret="".join(kinds["secret"]),
        )

    @property
    def listens(self) -> bool:
        return bool(self.branches or self.tags)

    def wants(self, ref: str) -> bool:
        for prefix, patterns in ((HEADS, self.branches), (TAGS, self.tags)):
            if ref.startswith(prefix):
                return any(fnmatchcase(ref.removeprefix(prefix), one) for one in patterns)
        return False


class Listener(Noun):
    """A deployment that listens: `app` are its application's settings as they stand there."""

    id: str
    name: str
    to: Subscription
    app: dict[str, Any]

    @property
    def repository(self) -> str:
        return identity(str(self.app.get("repository", "")))


class Start(Noun):
    """One flow run to be: of this deployment, with these parameters."""

    deployment: str
    name: str
    parameters: dict[str, Any]
    idempotency_key: str
    tags: tuple[str, ...]


def _start(push: Push, listener: Listener, *, goes_back: bool) -> Start:
    key = f"push:{listener.repository}:{push.commit}:{listener.name}"
    return Start(
        deployment=listener.id,
        name=listener.name,
        # The pushed commit, not the branch: that may have moved on when the run begins.
        parameters={"app": {**listener.app, "ref": push.commit}},
        idempotency_key=f"{key}:after:{push.before}" if goes_back else key,
        tags=(
            f"{PUSHED}{listener.repository}@{push.short}",
            *tags_of(Trigger(kind="push", by=push.by)),
        ),
    )


def starts(
    push: Push, listeners: Sequence[Listener], *, goes_back: bool = False
) -> tuple[Start, ...] | Ignored:
    """The runs that a push asks for, one for each deployment that listens to it."""
    ours = [one for one in listeners if one.repository in push.repositories]
    if not ours:
        return Ignored(
            reason=f"no deployment with push: tags has the repository {push.repositories[0]}"
        )
    wanting = [one for one in ours if one.to.wants(push.ref)]
    if not wanting:
        names = ", ".join(sorted(one.name for one in ours))
        return Ignored(reason=f"{names} does not listen to {push.what}")
    trusting = [one for one in wanting if one.to.secret in {"", push.secret}]
    if not trusting:
        return Ignored(reason=f"{wanting[0].name} takes pushes that another secret signed")
    return tuple(_start(push, one, goes_back=goes_back) for one in trusting)


class Place(StrEnum):
    """Where a push stands among those of its ref."""

    NEWEST = "newest"
    BACK = "newest, back at a commit that was pushed before"
    OLDER = "older than one that came before it"


def place(push: Push, known: Sequence[Push]) -> Place:
    """Deliveries may overtake each other. `known`: those of the same ref, as they came.

    What is known of the order: each push says what the ref named before it, and some hosts when
    it happened. Where neither tells, the order of arrival does.
    """
    if not known:
        return Place.NEWEST
    newest = known[-1]
    if push.before == newest.after:
        back = any(one.commit == push.commit for one in known)
        return Place.BACK if back else Place.NEWEST
    passed = {newest.before}
    for one in reversed(known):
        if one.after in passed:
            passed.add(one.before)
    if push.after in passed:
        return Place.OLDER
    if push.pushed and newest.pushed and push.pushed < newest.pushed:
        return Place.OLDER
    return Place.NEWEST


class PushRun(Noun):
    """A flow run that a push started; `state` is Prefect's type of it."""

    id: str
    created: datetime
    state: str


WITHOUT_SUCCESS = {"FAILED", "CRASHED", "CANCELLED", "CANCELLING"}


def needless(newest: PushRun, others: Iterable[PushRun]) -> list[PushRun]:
    """Of the same ref's runs, those that a newer one makes needless before they have begun. One
    whose process is being started, Pending, is past being called back: it gives way itself."""
    return [one for one in others if one.created < newest.created and one.state == "SCHEDULED"]


def superseded_by(own: PushRun, others: Iterable[PushRun]) -> PushRun | None:
    """The newest run of the same ref that `own` gives way to: one that will be released, or has
    been. One that failed is no reason not to release."""
    newer = [x for x in others if x.created > own.created and x.state not in WITHOUT_SUCCESS]
    return max(newer, key=lambda one: one.created, default=None)
