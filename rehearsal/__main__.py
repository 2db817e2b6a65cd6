"""python -m rehearsal ASKED: what `spotkiln rehearse` becomes; see rehearsal.program."""

import signal
import sys

from spotkiln.cli.begin import end_at_once


def main() -> int:
    """Ctrl-C ends it at once until there is something to be cleaned up; one that came while this
    process was made is heard here."""
    signal.signal(signal.SIGINT, end_at_once)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    from rehearsal.program import main

    return main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
