"""What the hosts send, turned into pushes. Only the fields that are needed are looked at."""

from collections.abc import Mapping
from datetime import UTC, datetime

from pydantic import BaseModel, Field, ValidationError

from spotkiln.receiver import bitbucket, ci
from spotkiln.receiver.wire import (
    ZEROS,
    Change,
    Malformed,
    NotJson,
    Told,
    identities,
    named,
    parsed,
    skips,
)
from spotkiln.start.hooks import Host
from spotkiln.start.push import COMMIT, HEADS, TAGS, Ignored, Push

__all__ = ["EVENT", "Malformed", "NotJson", "pushes_of"]

# The header that names the event. A CI job has none: it tells of nothing but pushes.
EVENT = {
    Host.GITHUB: "x-github-event",
    Host.GITLAB: "x-gitlab-event",
    Host.GITEA: "x-gitea-event",
    Host.BITBUCKET: "x-event-key",
}
GITLAB_PUSHES = {"Push Hook", "Tag Push Hook", "System Hook"}
# Gitea's for a ref that was deleted; GitHub tells of those as pushes.
DELETE = "delete"
# What names one event, the same for all hooks that are told of it; or at least one delivery.
NAMES = {Host.GITLAB: "x-gitlab-event-uuid", Host.GITEA: "x-gitea-delivery"}
# The last that Python's dates reach.
LAST_SECOND = 253402300799
# Where GitHub cuts its list of commits off, and what is kept of one push.
MOST_COMMITS = 2048
MOST_PATHS = 5000


class _Addresses(BaseModel):
    """A repository's addresses, in the hosts' own words."""

    clone_url: str = ""
    ssh_url: str = ""
    html_url: str = ""
    git_http_url: str = ""
    git_ssh_url: str = ""
    web_url: str = ""
    pushed_at: int | str | None = None

    def identities(self) -> tuple[str, ...]:
        return identities(
            (
                *(self.clone_url, self.git_http_url, self.ssh_url, self.git_ssh_url),
                *(self.html_url, self.web_url),
            )
        )

    def pushed(self) -> datetime | None:
        """GitHub tells it, in push events as seconds since 1970."""
        at = self.pushed_at
        if isinstance(at, int) and 0 < at <= LAST_SECOND:
            return datetime.fromtimestamp(at, UTC)
        return None


class _Head(BaseModel):
    id: str = Field(pattern=COMMIT)
    message: str | None = None


class _Commit(BaseModel):
    id: str = ""
    message: str | None = None
    added: tuple[str, ...] | None = None
    removed: tuple[str, ...] | None = None
    modified: tuple[str, ...] | None = None

    @property
    def files(self) -> tuple[str, ...]:
        """Those that it touches; none if they are not told."""
        if self.added is None or self.removed is None or self.modified is None:
            return ()
        return (*self.added, *self.removed, *self.modified)


class _Pusher(BaseModel):
    name: str = ""
    login: str = ""


class _Payload(BaseModel):
    ref: str
    before: str = Field(pattern=COMMIT)
    after: str = Field(pattern=COMMIT)
    checkout_sha: str | None = Field(default=None, pattern=COMMIT)
    head_commit: _Head | None = None
    commits: tuple[_Commit, ...] | None = ()
    forced: bool | None = None
    created: bool = False
    repository: _Addresses = _Addresses()
    project: _Addresses = _Addresses()
    pusher: _Pusher = _Pusher()
    user_username: str = ""

    @property
    def commit(self) -> str:
        """The commit that was pushed. What an annotated tag names is an object of its own."""
        if not self.ref.startswith(TAGS):
            return self.after
        return self.checkout_sha or (self.head_commit and self.head_commit.id) or self.after

    @property
    def message(self) -> str:
        if self.head_commit and self.head_commit.id == self.commit:
            return self.head_commit.message or ""
        told = (one.message for one in self.commits or () if one.id == self.commit)
        return next(told, "") or ""

    @property
    def paths(self) -> tuple[str, ...] | None:
        """Only GitHub says whether the branch goes on from where it was; what a forced push has
        taken away is in no list. Its list of commits ends at 2,048. A commit without files may be
        a merge that does not show what it changes."""
        commits = self.commits or ()
        if self.forced is not False or self.created or not self.before.strip("0"):
            return None
        if not 0 < len(commits) < MOST_COMMITS:
            return None
        if not all(one.files for one in commits):
            return None
        found = {x for one in commits for x in one.files}
        return tuple(sorted(found)) if len(found) <= MOST_PATHS else None

    def told(self) -> Told:
        change = Change(
            ref=self.ref,
            before=self.before,
            after=self.after,
            commit=self.commit,
            message=self.message,
            paths=self.paths,
        )
        return Told(
            repositories=self.repository.identities() or self.project.identities(),
            changes=(change,),
            pushed=self.repository.pushed(),
            by=named(self.pusher.name, self.pusher.login, self.user_username),
        )


class _Deleted(BaseModel):
    """Gitea's event of its own for a branch that was deleted by a click, as after a merge. It does
    not tell what the branch was."""

    ref: str = Field(min_length=1)
    ref_type: str
    repository: _Addresses = _Addresses()
    sender: _Pusher = _Pusher()

    def told(self) -> Told:
        kind = TAGS if self.ref_type == "tag" else HEADS
        ref = self.ref if self.ref.startswith(kind) else f"{kind}{self.ref}"
        return Told(
            repositories=self.repository.identities(),
            changes=(Change(ref=ref, before=ZEROS, after=ZEROS, commit=ZEROS),),
            by=named(self.sender.login),
        )


class _Kind(BaseModel):
    object_kind: str = ""


def _event(host: Host, headers: Mapping[str, str]) -> str:
    if host is Host.CI:
        return "push"
    name = headers.get(EVENT[host], "")
    if not name:
        raise Malformed(f"expected a header {EVENT[host]}, got none: is this hook {host}'s?")
    return name


def _other(host: Host, event: str, body: bytes) -> str:
    """Why nothing is to be done for an event; empty for a push."""
    if event in {"ping", bitbucket.PING}:
        return "ping: the hook reaches us and its secret is right"
    if host is Host.GITLAB:
        kind = parsed(_Kind, body, host).object_kind if event in GITLAB_PUSHES else ""
        push = kind in {"push", "tag_push"}
    elif host is Host.GITEA and event == DELETE:
        push = True
    else:
        push = event in {"push", bitbucket.CLOUD, bitbucket.SERVER}
    return "" if push else "not a push event: nothing starts by it"


def _told(host: Host, event: str, body: bytes) -> Told:
    if host is Host.CI:
        return ci.told(body)
    if host is Host.GITEA and event == DELETE:
        return parsed(_Deleted, body, host).told()
    if host is Host.BITBUCKET:
        return bitbucket.told(event, body)
    return parsed(_Payload, body, host).told()


def _push(host: Host, told: Told, change: Change, secret: str, event: str) -> Push:
    try:
        return Push(
            host=host,
            repositories=told.repositories,
            ref=change.ref,
            before=change.before,
            after=change.after,
            commit=change.commit,
            pushed=told.pushed,
            by=told.by,
            secret=secret,
            skips=skips(change.message),
            paths=change.paths,
            event=event,
        )
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        raise Malformed(f"not a push of {host}: {where} is missing or odd") from None


def pushes_of(
    host: Host, headers: Mapping[str, str], body: bytes, secret: str = ""
) -> tuple[Push, ...] | Ignored:
    """At least one push, or why there is none. `headers` have lower-case names; `secret` is the
    name of the secret that signed the body.

    Raises:
        Malformed: the body is not what that host sends.
    """
    event = _event(host, headers)
    if reason := _other(host, event, body):
        return Ignored(reason=reason)
    told = _told(host, event, body)
    known = [one for one in told.changes if one.ref.startswith((HEADS, TAGS))]
    if not known:
        return Ignored(reason="neither a branch nor a tag was pushed")
    # Gitea names only its deliveries: of a push one may be repeated.
    named_so = host is Host.GITLAB or (host is Host.GITEA and event == DELETE)
    name = headers.get(NAMES[host], "")[:100] if named_so else ""
    return tuple(_push(host, told, one, secret, name) for one in known)
