"""What was typed wrong is told at once: before anything is imported that takes its time."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime

from spotkiln.bake.gitref import why_no_ref
from spotkiln.errors import InputError
from spotkiln.start.deployment import RELEASE


def require_command(name: str, command: Sequence[str]) -> None:
    """
    Raises:
        InputError: there is none.
    """
    if not command:
        raise InputError(
            "expected a command, got none; write it behind two dashes: "
            f"`spotkiln run {name} -- bin/rails runner 'puts Note.count'`"
        )


def require_branch(branch: str) -> None:
    """
    Raises:
        InputError: git cannot have such a name.
    """
    if branch and (why := why_no_ref(branch)):
        raise InputError(f"branch: {why}")


def require_key(key: str) -> None:
    """
    Raises:
        InputError: it names no file.
    """
    if key and not os.path.isfile(key):  # noqa: PTH113 - as it was typed
        raise InputError(f"no file {key}: --key names the file of a private key")


def require_since(since: str) -> None:
    """
    Raises:
        InputError: it is no time.
    """
    from spotkiln.serve.journal import since as since_when

    since_when(since, datetime.now(UTC))


def require_the_same(name: str, yes: str) -> None:
    """
    Raises:
        InputError: the two are not the same application's.
    """
    own = name.removeprefix(f"{RELEASE}/")
    if yes and yes != own:
        raise InputError(f"--yes wants the name once more: expected {own}, got {yes}")
