"""How the command begins: Ctrl-C ends it without a traceback while Python still reads its files."""

import os
import signal
from types import FrameType

from spotkiln.garbage import collect_seldom

INTERRUPTED = 130


def end_at_once(_: int, __: FrameType | None) -> None:
    """End at once: nothing has been started that had to be undone."""
    os._exit(INTERRUPTED)


def main() -> int:
    """The exit code."""
    before = signal.signal(signal.SIGINT, end_at_once)
    collect_seldom()
    from spotkiln.cli.main import main

    signal.signal(signal.SIGINT, before)
    return main()
