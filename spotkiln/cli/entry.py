"""The program `spotkiln`. What needs no Prefect does not wait for its import."""

import sys

QUICK = {"init", "check"}


def main() -> int:
    """The exit code."""
    # Only the module that is needed: Prefect alone takes seconds to import.
    if sys.argv[1:2] and sys.argv[1] in QUICK:
        from spotkiln.cli.describe import app
        from spotkiln.cli.ending import exit_code

        return exit_code(app)
    from spotkiln.cli import main as everything

    return everything.main()
