"""Push: what was pushed where, and which deployments it starts.

A deployment listens to pushes by its own tags, such as `push:branch=main`. So an application stays
one stanza of prefect.yaml, and what it listens to is seen and changed at the deployment.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

from pydantic import Field

from spotkiln.errors import InputError
from spotkiln.noun import Noun
from spotkiln.release.trigger import Trigger, tags_of
from spotkiln.start.hooks import SECRET_TAG, Hooks, Host
from spotkiln.start.repository import identity, path_of

LISTENS = "push:"
# A tag of flow runs, by which those of one repository and branch are found.
PUSHED = "pushed:"
COMMIT = r"^[0-9a-f]{40}([0-9a-f]{24})?$"
HEADS, TAGS = "refs/heads/", "refs/tags/"
DELETED = "it was deleted: nothing to release, and what serves goes on"


class Push(Noun):
    """A branch or tag that names another commit than before.

    `after` is what the ref names: for an annotated tag the tag's own object, not the `commit`.
    `pushed` is when, and `by` the name of who did, if the host tells; `secret` names the secret
    that the delivery was signed by; `skips` says that its commit asks that nothing be done; `paths`
    are the files that it touches, None if they are not known for certain; `event` is the host's own
    name for the push.
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
    skips: bool = False
    paths: tuple[str, ...] | None = None
    event: str = Field(default="", max_length=100)

    @property
    def moment(self) -> str:
        """When the push was, or else the host's own name for it; empty if the host tells neither.
        It tells the same change made twice from one that is only reported twice."""
        return self.pushed.isoformat() if self.pushed else self.event

    @property
    def deletes(self) -> bool:
        """Whether the ref is gone."""
        return not self.after.strip("0")

    @property
    def branch(self) -> str:
        """Its name; empty for a tag."""
        return self.ref.removeprefix(HEADS) if self.ref.startswith(HEADS) else ""

    @property
    def short(self) -> str:
        """`main` for a branch, `tags/v1` for a tag."""
        return self.ref.removeprefix(HEADS).removeprefix("refs/")

    @property
    def what(self) -> str:
        kind = "tag" if self.ref.startswith(TAGS) else "branch"
        return f"{kind} {self.short.removeprefix('tags/')} of {self.repositories[0]}"

    def same_as(self, other: "Push") -> bool:
        """Whether it is the same change of the same ref, whichever delivery told of it."""
        return (self.repositories[0], self.ref, self.before, self.after) == (
            *(other.repositories[0], other.ref, other.before, other.after),
        )


class Ignored(Noun):
    """Nothing is to be done, and nothing is wrong."""

    reason: str


class Subscription(Noun):
    """What a deployment listens to: patterns of branches and tags. `secrets` are the names of those
    that it trusts (none: the only one there is); `skip_ci`: a commit may ask that nothing be
    done."""

    branches: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    skip_ci: bool = False

    @classmethod
    def from_tags(cls, tags: Iterable[str]) -> "Subscription":
        """From a deployment's tags.

        Raises:
            InputError: a tag begins with `push:` and means nothing.
        """
        kinds: dict[str, list[str]] = {"branch": [], "tag": [], "secret": [], "skip-ci": []}
        for tag in sorted(tags):
            if not tag.startswith(LISTENS):
                continue
            kind, equals, value = tag.removeprefix(LISTENS).partition("=")
            if kind not in kinds or not equals or not value:
                raise InputError(
                    f"expected push:branch=PATTERN, push:tag=PATTERN, {SECRET_TAG}NAME or "
                    f"push:skip-ci=yes, got the tag {tag!r}"
                )
            kinds[kind].append(value)
        if kinds["skip-ci"] not in ([], ["yes"]):
            raise InputError(f"expected push:skip-ci=yes, got {', '.join(kinds['skip-ci'])}")
        return cls(
            branches=tuple(kinds["branch"]),
            tags=tuple(kinds["tag"]),
            secrets=tuple(kinds["secret"]),
            skip_ci=bool(kinds["skip-ci"]),
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
    """A deployment that listens to pushes. `app` are the application's settings as the deployment
    has them. `names` are the hosts that ~/.ssh/config gives another name. `previews`: it gives each
    branch an environment of its own."""

    id: str
    name: str
    to: Subscription
    app: dict[str, Any]
    names: dict[str, str] = {}  # noqa: RUF012 - pydantic copies defaults
    previews: bool = False

    def wants(self, push: Push) -> bool:
        """Whether it is for this ref. What is gone has a preview at most, and no tag has one."""
        if self.previews:
            return bool(push.branch) and self.to.wants(push.ref)
        return not push.deletes and self.to.wants(push.ref)

    @property
    def repositories(self) -> tuple[str, ...]:
        """The names of its repository: as the deployment has it, and as ssh would reach it."""
        address = str(self.app.get("repository", ""))
        return tuple(dict.fromkeys((identity(address), identity(address, self.names))))

    def objection(self, hooks: Hooks) -> str:
        """Why no push at all can start it; empty if one can."""
        found = [hooks.objection(one, self.to.secrets) for one in self.repositories]
        return "" if "" in found else found[-1]

    def watches(self, path: str) -> bool:
        """Whether a path belongs to what is released, or holds some of it: a submodule does."""
        folder = str(self.app.get("folder") or "")
        own = (folder, *(self.app.get("depends_on") or ()))
        return not folder or any(
            f"{path}/".startswith(f"{one}/") or one.startswith(f"{path}/") for one in own
        )

    def untouched(self, push: Push) -> bool:
        """Whether a push leaves all that is released as it is. What the application depends on is
        known here only if the deployment says it: if its spotkiln.yaml does, the run finds out."""
        known = push.paths is not None and self.app.get("depends_on") is not None
        return known and not any(map(self.watches, push.paths or ()))


class Start(Noun):
    """A flow run that is to be created: of this deployment, with these parameters."""

    deployment: str
    name: str
    parameters: dict[str, Any]
    idempotency_key: str
    tags: tuple[str, ...]


class Concern(Noun):
    """Something that the people of a deployment should know, for it may not be what they meant.
    `repository` is the one that the deployment had at that time."""

    deployment: str
    name: str
    repository: str
    reason: str


class PushPlan(Noun):
    """The runs that a push asks for, or the reason why there are none."""

    starts: tuple[Start, ...] = ()
    ignored: str = ""
    refused: str = ""
    concerns: tuple[Concern, ...] = ()


def _start(push: Push, listener: Listener, *, goes_back: bool) -> Start:
    repository = next(one for one in listener.repositories if one in push.repositories)
    key = f"push:{repository}:{push.commit}:{listener.name}"
    if listener.previews:
        # Of a commit that two branches name each has a preview, and a branch may come back.
        key = f"{key}:{push.branch}"
        if goes_back or push.deletes:
            key = f"{key}:{push.moment}"
    return Start(
        deployment=listener.id,
        name=listener.name,
        # The pushed commit, not the branch: that may have moved on when the run begins.
        parameters=_parameters(push, listener),
        idempotency_key=f"{key}:after:{push.before}" if goes_back else key,
        tags=(
            f"{PUSHED}{repository}@{push.short}",
            *tags_of(Trigger(kind="push", by=push.by)),
        ),
    )


def _parameters(push: Push, listener: Listener) -> dict[str, Any]:
    if not listener.previews:
        return {"ref": push.commit}
    if push.deletes:
        return {"branch": push.branch, "removed": True}
    return {"branch": push.branch, "ref": push.commit}


def _without_released(wanting: Sequence[Listener]) -> list[Listener]:
    """A branch that is released needs no preview of the same application."""
    released = {str(x.app.get("name")) for x in wanting if not x.previews}
    return [x for x in wanting if not x.previews or str(x.app.get("name")) not in released]


def _elsewhere(push: Push, listeners: Sequence[Listener]) -> PushPlan:
    """No deployment has that repository. Those that have its path at another host are told so."""
    paths = {path_of(one) for one in push.repositories}
    concerns = tuple(
        Concern(
            deployment=one.id,
            name=one.name,
            repository=one.repositories[0],
            reason=(
                f"the path of {push.what} fits {one.name}, the host does not: there it is "
                f"{' or '.join(one.repositories)}. If both are one repository, write it there as "
                "it is here, or tell the receiver of the alias (SPOTKILN_RECEIVER_SSH_CONFIG)"
            ),
        )
        for one in listeners
        if one.wants(push) and paths & {path_of(x) for x in one.repositories}
    )
    none = f"no deployment with push: tags has the repository {push.repositories[0]}"
    return PushPlan(ignored="; ".join((none, *(x.reason for x in concerns))), concerns=concerns)


def plan(
    push: Push, listeners: Sequence[Listener], hooks: Hooks, *, goes_back: bool = False
) -> PushPlan:
    """The runs that a push asks for, one for each deployment that listens to it."""
    ours = [one for one in listeners if set(one.repositories) & set(push.repositories)]
    if not ours:
        return _elsewhere(push, listeners)
    wanting = _without_released([one for one in ours if one.wants(push)])
    if not wanting and push.deletes:
        return PushPlan(ignored=DELETED)
    if not wanting:
        names = ", ".join(sorted(one.name for one in ours))
        return PushPlan(ignored=f"{names} does not listen to {push.what}")
    skips = push.skips and not push.deletes
    willing = [one for one in wanting if not (skips and one.to.skip_ci)]
    if not willing:
        return PushPlan(ignored=f"the commit asks for it: [skip ci] ({wanting[0].name})")
    objections = {one.id: one.objection(hooks) for one in willing}
    concerns = tuple(
        Concern(
            deployment=one.id,
            name=one.name,
            repository=one.repositories[0],
            reason=f"{one.name}: {objections[one.id]}",
        )
        for one in willing
        if objections[one.id]
    )
    bound = [one for one in willing if not objections[one.id]]
    if not bound:
        return PushPlan(refused="; ".join(one.reason for one in concerns), concerns=concerns)
    trusting = [one for one in bound if not one.to.secrets or push.secret in one.to.secrets]
    if not trusting:
        reason = f"{bound[0].name} takes pushes that another secret signed"
        return PushPlan(ignored=reason, concerns=concerns)
    touched = [one for one in trusting if push.deletes or not one.untouched(push)]
    if not touched:
        where = trusting[0].app["folder"]
        reason = f"it touches nothing in {where}, nor what that depends on ({trusting[0].name})"
        return PushPlan(ignored=reason, concerns=concerns)
    starts = tuple(_start(push, one, goes_back=goes_back) for one in touched)
    return PushPlan(starts=starts, concerns=concerns)
