"""Runs the git program, and tells what its failures mean."""

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from spotkiln import process
from spotkiln.bake.source import without_credentials
from spotkiln.errors import InfrastructureError, InputError, SpotkilnError

TIMEOUT_SECONDS = 300
# Set in git's own hooks (`git rev-parse --local-env-vars`): a release that a push starts must not
# work in the repository that was pushed to.
ANOTHER_REPOSITORY = {
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_CONFIG",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_QUARANTINE_PATH",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
}
# The same commit gives the same files on each machine, whatever is set up there for people who
# work with git: no hooks, no attributes and no line ends but the repository's own. A name that
# Windows could not have is fine here.
SETTINGS = {
    "core.attributesFile": "/dev/null",
    "core.autocrlf": "false",
    "core.eol": "lf",
    "core.fileMode": "true",
    "core.hooksPath": "/dev/null",
    "core.protectNTFS": "false",
    "core.symlinks": "true",
    # Files in Git LFS are fetched when it is known that there are any.
    "filter.lfs.process": "",
    "filter.lfs.required": "false",
    "filter.lfs.smudge": "",
    "gc.auto": "0",
    "log.showSignature": "false",
    "maintenance.auto": "false",
}
# What git, curl, ssh and git-lfs say when the network, the other side or this machine's disk is
# in trouble. Nothing about the release is wrong then.
TROUBLE = re.compile(
    r"""
    could\ not\ resolve | couldn't\ resolve | name\ resolution | name\ or\ service\ not\ known
    | no\ such\ host | no\ address\ associated | nodename\ nor\ servname
    | timed\ out | i/o\ timeout | connection\ (refused|reset|closed|was\ closed|to\ .*\ closed)
    | (network|host)\ (is\ )?unreachable | no\ route\ to\ host
    | unable\ to\ connect | failed\ to\ connect | couldn't\ connect | empty\ reply
    | recv\ failure | send\ failure | broken\ pipe
    | early\ eof | unexpected\ eof | unexpected\ disconnect | hung\ up\ unexpectedly
    | transfer\ closed | rpc\ failed | ssl_error_syscall | gnutls_handshake | tls\ handshake
    | kex_exchange_identification | http/2\ stream
    | returned\ error:\ (429|5\d\d) | http(\ status)?:?\ (429|5\d\d) | internal\ server\ error
    | service\ unavailable | bad\ gateway | too\ many\ requests | rate\ limit
    | (unable|failed)\ to\ write | unable\ to\ create\ temporary | write\ error
    | no\ space\ left | disk\ quota | read-only\ file\ system | input/output\ error
    | out\ of\ memory | cannot\ allocate\ memory | too\ many\ open\ files
    | resource\ temporarily\ unavailable | cannot\ fork
    """,
    re.IGNORECASE | re.VERBOSE,
)


class GitFailed(Exception):
    """Git did not do what was asked; the text says why, in git's own words where there are any.
    `of_infrastructure`: another try may help."""

    def __init__(self, why: str, *, of_infrastructure: bool) -> None:
        self.of_infrastructure = of_infrastructure
        super().__init__(why)

    def told(self, what: str, advice: str) -> SpotkilnError:
        """Our error: `what` failed, why, and the advice if a person must act."""
        if self.of_infrastructure:
            return InfrastructureError(f"{what}: {self}")
        return InputError(f"{what}: {self}; {advice}")


def failure(code: int, said: str) -> GitFailed:
    """What an exit code and the words with it mean. A code below 0 is the signal that ended git:
    this machine's lack of memory, as a rule."""
    if code < 0:
        return GitFailed(f"signal {-code} ended git", of_infrastructure=True)
    trouble = TROUBLE.search(said) is not None
    return GitFailed(f"git says: {reason(said)}", of_infrastructure=trouble)


def reason(said: str) -> str:
    """The line that tells what is wrong: advice comes after it, warnings before. A line of
    trouble with network or disk tells more than the first one."""
    lines = [line for line in said.splitlines() if line.strip()]
    telling = [line for line in lines if not line.lower().startswith(("warning", "cloning into"))]
    trouble = [line for line in telling if TROUBLE.search(line)]
    line = (trouble or telling or lines or ["nothing"])[0]
    return without_credentials(line).strip().rstrip(".")


def text_of(raw: bytes) -> str:
    """Git knows bytes: what is not UTF-8 is shown with a replacement character."""
    return raw.decode(errors="replace")


def run_git(
    folder: Path, *arguments: str, given: bytes = b"", settings: Mapping[str, str] | None = None
) -> bytes:
    """Git's output. It never asks for a password. `settings` are more of git's.

    Raises:
        GitFailed: it ended with an error, or took too long; no child of it is left then.
    """
    environment = {k: v for k, v in os.environ.items() if k not in ANOTHER_REPOSITORY}
    environment |= {"GIT_ATTR_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    environment.setdefault("GIT_SSH_COMMAND", "ssh -o BatchMode=yes -o ConnectTimeout=15")
    all_settings = {**SETTINGS, **(settings or {})}
    try:
        done = process.run(
            [
                "git",
                *(
                    part
                    for name, value in all_settings.items()
                    for part in ("-c", f"{name}={value}")
                ),
                *arguments,
            ],
            folder=folder,
            environment=environment,
            timeout_seconds=TIMEOUT_SECONDS,
            given=given,
        )
    except subprocess.TimeoutExpired as error:
        raise GitFailed(
            f"git {arguments[0]} did not end in {error.timeout:g} s", of_infrastructure=True
        ) from None
    if done.code:
        raise failure(done.code, text_of(done.errors))
    return done.output


def git_says(folder: Path, *arguments: str) -> str:
    """Git's output as text for people, without the line end."""
    return text_of(run_git(folder, *arguments)).strip()
