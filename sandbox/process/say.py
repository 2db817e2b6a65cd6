"""The command line's output."""

import os
import sys

# How people start it: another program may do it for them, and then says its own name.
COMMAND = os.environ.get("SANDBOX_COMMAND") or "python -m sandbox"


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def complain(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
