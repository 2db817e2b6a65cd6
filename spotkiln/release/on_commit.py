"""On the commit: who is told of a release beside its commit, and what.

The host of the repository (GitHub, GitLab, Gitea) shows it there. Whatever happens at that host,
the release is what it is.
"""

import re
from enum import StrEnum
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from spotkiln.errors import InputError
from spotkiln.noun import Noun, ShownNoun

# A tag of runs whose commit says "pending", and the note in which they keep where.
PENDING_TAG = "on-commit:pending"
NOTE = "on-commit"
# git@host:owner/name.git
SCP = re.compile(r"(?:[^@/:]+@)?(?P<host>[^@/:]+):(?P<path>[^/].*)")
KINDS = {
    "github": "github",
    "gitlab": "gitlab",
    "gitea": "gitea",
    "forgejo": "gitea",
    "codeberg": "gitea",
}
NOT_PLAIN = "expected an address like https://git.example.com/api/v4, without user or query"


class Kind(StrEnum):
    GITHUB = "github"
    GITLAB = "gitlab"
    GITEA = "gitea"


class OnCommit(ShownNoun):
    """Whether the host of the repository is told of releases. Names only, no token."""

    secret: str = Field(
        default="",
        pattern=r"^[a-z0-9-]{0,100}$",
        title="Secret",
        description="The name of Prefect's Secret block that holds the host's token. Empty: the "
        "host is not told.",
    )
    host: Literal["", "github", "gitlab", "gitea"] = Field(
        default="",
        title="Kind of host",
        description="Empty: by the name of the repository's host.",
    )
    api: str = Field(
        default="",
        max_length=500,
        title="Address of its API",
        description="Empty: at the usual place of the repository's host.",
    )
    repository: str = Field(
        default="",
        pattern=r"^$|^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)+$",
        max_length=300,
        title="Repository",
        description="Its path at the host, such as team/shop. Empty: as in its address.",
    )
    environment: str = Field(
        default="",
        max_length=100,
        pattern=r"^[^\x00-\x1f]*$",
        title="Environment",
        description="As the host shows it. Empty: the name of the deployment.",
    )

    @field_validator("api")
    @classmethod
    def _is_an_address(cls, api: str) -> str:
        parts = urlsplit(api)
        plain = parts.scheme in {"http", "https"} and parts.hostname
        if api and (not plain or parts.query or parts.fragment or "@" in parts.netloc):
            raise ValueError(NOT_PLAIN)
        return api.rstrip("/")


class Repository(Noun):
    """Where the host's API is asked about a repository. `path` is its own, such as `team/shop`."""

    kind: Kind
    api: str
    path: str


def _host_and_path(repository: str) -> tuple[str, str]:
    if "://" in repository:
        parts = urlsplit(repository)
        return (parts.hostname or "", parts.path) if parts.scheme != "file" else ("", "")
    found = SCP.fullmatch(repository)
    return (found["host"].lower(), found["path"]) if found else ("", "")


def _usual_api(kind: Kind, host: str) -> str:
    if kind is Kind.GITHUB:
        known = host in {"github.com", "ssh.github.com"}
        return "https://api.github.com" if known else f"https://{host}/api/v3"
    host = {"altssh.gitlab.com": "gitlab.com"}.get(host, host)
    return f"https://{host}/api/{'v4' if kind is Kind.GITLAB else 'v1'}"


def find(asked: OnCommit, repository: str) -> Repository:
    """The host of a repository, by its address and what the deployment says.

    Raises:
        InputError: the address does not tell it.
    """
    host, path = _host_and_path(repository)
    path = asked.repository or path.strip("/").removesuffix(".git")
    words = set(re.split(r"[.-]", host))
    known = next((one for word, one in KINDS.items() if word in words), "")
    kind = str(asked.host) or known
    if not kind or not (host or asked.api):
        raise InputError(
            "expected on_commit.host to be github, gitlab or gitea, for the repository's address "
            f"does not tell the kind of its host ({host or 'a path on this machine'})"
        )
    if "/" not in path:
        raise InputError(
            f"expected a repository's address with owner and name, got the path {path!r}"
        )
    return Repository(kind=Kind(kind), api=asked.api or _usual_api(Kind(kind), host), path=path)


class Standing(StrEnum):
    """How a release stands. `ENDED`: nothing was released, by nobody's fault."""

    STARTED = "started"
    WAITING = "waiting"
    RELEASED = "released"
    FAILED = "failed"
    ENDED = "ended"


class Pending(Noun):
    """What a run keeps with Prefect while its commit says "pending": so that somebody else can end
    it. `deployment` is the host's own id; empty if it has none, or if it is not known yet."""

    commit: str
    ref: str
    environment: str
    deployment: str = ""


class Report(Noun):
    """What the host is told. `url` is the page of the `run`, `address` where people find what was
    released; they are empty if unknown."""

    commit: str
    ref: str
    environment: str
    standing: Standing
    description: str
    run: str
    url: str = ""
    address: str = ""

    @property
    def context(self) -> str:
        """What tells this status from those of others."""
        return f"spotkiln/{self.environment}"
