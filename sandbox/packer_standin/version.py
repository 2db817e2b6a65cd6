"""What it says when it is asked for its version: before all else is imported, for a release asks
three times."""

import sys
from collections.abc import Sequence

VERSION = "Packer v1.6.6\n\n(Spotkiln's stand-in for simulated machines, not HashiCorp's Packer)\n"
ASKED = ("version", "-version", "--version", "-v")


def told(arguments: Sequence[str]) -> bool:
    """True if that was all that was asked."""
    if not arguments or arguments[0] not in ASKED:
        return False
    sys.stdout.write(VERSION)
    return True
