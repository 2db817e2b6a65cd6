"""What Bitbucket sends. Cloud and Server (Data Center) have payloads of their own, and both may
tell of several refs at once."""

from datetime import datetime

from pydantic import BaseModel, Field

from spotkiln.receiver.wire import ZEROS, Change, Malformed, Told, identities, named, parsed
from spotkiln.start.hooks import Host
from spotkiln.start.push import COMMIT, HEADS, TAGS

# The names of the push event in Cloud and in Server; Server sends the last one to test a hook.
CLOUD, SERVER, PING = "repo:push", "repo:refs_changed", "diagnostics:ping"


class _Link(BaseModel):
    href: str = ""


class _Links(BaseModel):
    html: _Link = _Link()
    clone: tuple[_Link, ...] = ()


class _Repository(BaseModel):
    links: _Links = _Links()

    def identities(self) -> tuple[str, ...]:
        # Server's page of a repository has another path than the repository.
        links = self.links.clone or (self.links.html,)
        return identities(link.href for link in links)


class _Actor(BaseModel):
    nickname: str = ""
    name: str = ""


class _Target(BaseModel):
    hash: str = Field(pattern=COMMIT)
    message: str | None = None


class _Named(BaseModel):
    type: str
    name: str
    target: _Target


class _CloudChange(BaseModel):
    new: _Named | None = None
    old: _Named | None = None

    def change(self) -> Change:
        this = self.new or self.old
        if this is None:
            raise Malformed(f"not a push of {Host.BITBUCKET}: push.changes: neither new nor old")
        after = self.new.target.hash if self.new else ZEROS
        return Change(
            ref=f"{TAGS if 'tag' in this.type else HEADS}{this.name}",
            before=self.old.target.hash if self.old else ZEROS,
            after=after,
            commit=after,
            message=(self.new and self.new.target.message) or "",
        )


class _Changes(BaseModel):
    changes: tuple[_CloudChange, ...]


class _Cloud(BaseModel):
    repository: _Repository
    push: _Changes
    actor: _Actor = _Actor()


class _ServerRef(BaseModel):
    id: str


class _ServerChange(BaseModel):
    ref: _ServerRef
    fromHash: str = Field(pattern=COMMIT)  # noqa: N815 - their word
    toHash: str = Field(pattern=COMMIT)  # noqa: N815


class _ServerCommit(BaseModel):
    id: str = Field(pattern=COMMIT)
    message: str | None = None


class _Server(BaseModel):
    repository: _Repository
    changes: tuple[_ServerChange, ...]
    actor: _Actor = _Actor()
    date: datetime | None = None
    toCommit: _ServerCommit | None = None  # noqa: N815

    def change(self, one: _ServerChange) -> Change:
        """An annotated tag is an object of its own. Newer servers tell its commit; for the others
        git finds it when the release checks it out."""
        head = self.toCommit if len(self.changes) == 1 else None
        tagged = head.id if head and one.ref.id.startswith(TAGS) else one.toHash
        return Change(
            ref=one.ref.id,
            before=one.fromHash,
            after=one.toHash,
            commit=tagged,
            message=(head and head.message) or "",
        )


def told(event: str, body: bytes) -> Told:
    """
    Raises:
        Malformed: it is neither of the two.
    """
    if event == CLOUD:
        cloud = parsed(_Cloud, body, Host.BITBUCKET)
        return Told(
            repositories=cloud.repository.identities(),
            changes=tuple(one.change() for one in cloud.push.changes),
            by=named(cloud.actor.nickname),
        )
    server = parsed(_Server, body, Host.BITBUCKET)
    return Told(
        repositories=server.repository.identities(),
        changes=tuple(map(server.change, server.changes)),
        pushed=server.date if server.date and server.date.tzinfo else None,
        by=named(server.actor.name),
    )
