"""Say: to whoever looks; nobody may."""

import os
import sys


def say(text: str) -> None:
    """A terminal that was closed takes nothing more. What has to be cleaned up still has."""
    try:
        print(text, flush=True)  # noqa: T201 - this is what it is for
    except (OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
