"""Source: one commit of one application, as a clean archive."""

import re
from datetime import datetime
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from spotkiln.bake.app import App
from spotkiln.bake.interpreter import Need
from spotkiln.bake.precedence import Setting
from spotkiln.noun import Noun

# What comes between a repository's page and a commit's name, by a word of the host's name: those
# who run these programs themselves tend to call them so.
FORGES = {
    "github": "commit",
    "gitlab": "-/commit",
    "gitea": "commit",
    "forgejo": "commit",
    "codeberg": "commit",
    "bitbucket": "commits",
}
# What comes before two commits that are compared, by what comes before a single one.
COMPARES = {"commit": "compare", "-/commit": "-/compare"}
# git@host:owner/name.git
SCP = re.compile(r"(?:[^@/:]+@)?(?P<host>[^@/:]+):(?P<path>[^/].*)")


class Source(Noun):
    """What was checked out.

    `commit` is git's object name in hex. `archive` is a .tar.gz of the files that a fresh checkout
    of that commit has, those of submodules and of Git LFS among them, without `.git`. `digest`
    stands for their names, modes and contents, in 40 hex characters: the same files, the same
    digest, in whichever commit. Of an application in a folder these are the files of that folder
    and of what it depends on. `app` is how this commit is built, tested and started, `settings`
    where each of its values comes from, `needs` what the base image must have, `migrations` which
    ones it has (spotkiln.bake.migrations). `lock_archive` holds those of its files alone that
    its dependencies are made from, and `lock_digest` stands for these, as `digest` does for all;
    where there are none, `no_layer` says why.
    `committed` is when the commit was made, in UTC.
    """

    repository: str
    ref: str
    commit: str
    digest: str
    subject: str = ""
    committed: datetime | None = None
    archive: Path
    app: App
    settings: tuple[Setting, ...] = ()
    needs: tuple[Need, ...] = ()
    migrations: tuple[str, ...] = ()
    lock_archive: Path | None = None
    lock_digest: str = ""
    no_layer: str = ""


def without_password(url: str) -> str:
    """A repository's address fit for a log."""
    if "://" not in url:
        return url
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def without_credentials(text: str) -> str:
    """Words of others without what is secret in the addresses among them: a password, even one
    that holds a slash; the user, who may be a token; what a query calls a secret."""
    # What stands between a colon and a slash, if it is a number, is a port.
    text = re.sub(r"://[^/@\s'\":]*:(?!\d+/)[^\s'\"]*@", "://", text)
    text = re.sub(r"://[^/@\s'\"]+@", "://", text)
    return re.sub(r"(?i)([?&][\w-]*(?:token|key|secret|password)[\w-]*=)[^&\s'\"]+", r"\1...", text)


def commit_url(repository: str, commit: str) -> str:
    """The commit's page on the web, without what may be secret in the repository's address; empty
    where it is not known: for a path, or a host that does not tell its kind."""
    page, between = _on_the_web(repository)
    return f"{page}/{between}/{commit}" if page and commit else ""


def compare_url(repository: str, old: str, new: str) -> str:
    """The page on the web that compares two commits; empty where it is not known."""
    page, between = _on_the_web(repository)
    if not page or between not in COMPARES:
        return ""
    return f"{page}/{COMPARES[between]}/{old}...{new}"


def _on_the_web(repository: str) -> tuple[str, str]:
    """A repository's page, and what its host puts before a commit's name; empty if not known."""
    scheme, host, port, path = "https", "", "", ""
    if "://" in repository:
        parts = urlsplit(repository)
        host, path = parts.hostname or "", parts.path
        # An SSH address's port is not the web's.
        if parts.scheme in {"http", "https"}:
            scheme, port = parts.scheme, f":{parts.port}" if parts.port else ""
    elif found := SCP.fullmatch(repository):
        host, path = found["host"].lower(), found["path"]
    words = set(re.split(r"[.-]", host))
    between = next((part for word, part in FORGES.items() if word in words), "")
    page = path.strip("/").removesuffix(".git")
    if not between or not page:
        return "", ""
    # Quoted, for the address of a link in markdown ends at a bracket or a blank.
    return f"{scheme}://{host}{port}/{quote(page, safe='/~@+%')}", between
