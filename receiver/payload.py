"""What the hosts send, turned into a push. Only the fields that are needed are looked at."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TypeVar

from pydantic import BaseModel, Field, ValidationError

from spotkiln.errors import InputError
from spotkiln.push import COMMIT, HEADS, TAGS, Host, Ignored, Push, identity

EVENT = {
    Host.GITHUB: "x-github-event",
    Host.GITLAB: "x-gitlab-event",
    Host.GITEA: "x-gitea-event",
}
GITLAB_PUSHES = {"Push Hook", "Tag Push Hook", "System Hook"}
M = TypeVar("M", bound=BaseModel)
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
# The last that Python's dates reach.
LAST_SECOND = 253402300799


class Malformed(InputError):
    """No payload of that host; the message says where, and never what stood there."""


class NotJson(Malformed):
    """Not even JSON."""


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
        addresses = (
            *(self.clone_url, self.git_http_url, self.ssh_url, self.git_ssh_url),
            *(self.html_url, self.web_url),
        )
        return tuple(dict.fromkeys(identity(one) for one in addresses if one))

    def pushed(self) -> datetime | None:
        """GitHub tells it, in push events as seconds since 1970."""
        at = self.pushed_at
        if isinstance(at, int) and 0 < at <= LAST_SECOND:
            return datetime.fromtimestamp(at, UTC)
        return None


class _Commit(BaseModel):
    id: str = Field(pattern=COMMIT)


class _Pusher(BaseModel):
    name: str = ""
    login: str = ""


class _Payload(BaseModel):
    ref: str
    before: str = Field(pattern=COMMIT)
    after: str = Field(pattern=COMMIT)
    checkout_sha: str | None = Field(default=None, pattern=COMMIT)
    head_commit: _Commit | None = None
    repository: _Addresses = _Addresses()
    project: _Addresses = _Addresses()
    pusher: _Pusher = _Pusher()
    user_username: str = ""

    @property
    def by(self) -> str:
        """Who pushed, if the host tells it by a name as hosts have them."""
        name = self.pusher.name or self.pusher.login or self.user_username
        return name if NAME.fullmatch(name) else ""


class _Kind(BaseModel):
    object_kind: str = ""


def _parsed(model: type[M], body: bytes, host: Host) -> M:
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        if first["type"] == "json_invalid":
            raise NotJson("the body is not JSON: let the hook send application/json") from None
        where = ".".join(map(str, first["loc"])) or "the body"
        raise Malformed(f"not a push of {host}: {where}: {first['msg']}") from None


def _event(host: Host, headers: Mapping[str, str]) -> str:
    name = headers.get(EVENT[host], "")
    if not name:
        raise Malformed(f"expected a header {EVENT[host]}, got none: is this hook {host}'s?")
    return name


def _other(host: Host, event: str, body: bytes) -> str:
    """Why an event is none of ours; empty for a push."""
    if event == "ping":
        return "ping: the hook reaches us and its secret is right"
    if host is Host.GITLAB:
        kind = _parsed(_Kind, body, host).object_kind if event in GITLAB_PUSHES else ""
        push = kind in {"push", "tag_push"}
    else:
        push = event == "push"
    return "" if push else "not a push event: nothing starts by it"


def push_of(
    host: Host, headers: Mapping[str, str], body: bytes, secret: str = ""
) -> Push | Ignored:
    """`headers` by lower-case names; `secret` is the name of the one that signed it.

    Raises:
        Malformed: the body is not what that host sends.
    """
    reason = _other(host, _event(host, headers), body)
    if reason:
        return Ignored(reason=reason)
    given = _parsed(_Payload, body, host)
    if not given.ref.startswith((HEADS, TAGS)):
        return Ignored(reason="neither a branch nor a tag was pushed")
    if not given.after.strip("0"):
        return Ignored(reason="it was deleted: nothing to release, and what serves goes on")
    # A branch's head is a commit; an annotated tag is an object of its own.
    commit = given.after
    if given.ref.startswith(TAGS):
        commit = given.checkout_sha or (given.head_commit and given.head_commit.id) or commit
    try:
        return Push(
            host=host,
            repositories=given.repository.identities() or given.project.identities(),
            ref=given.ref,
            before=given.before,
            after=given.after,
            commit=commit,
            pushed=given.repository.pushed(),
            by=given.by,
            secret=secret,
        )
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        raise Malformed(f"not a push of {host}: {where} is missing or odd") from None
