"""What `prefect --no-prompt deploy --all` and then `spotkiln automations` do, in one process: most
of each is to import Prefect."""

import sys

from prefect.cli import app

from spotkiln.cli.main import main


def deploy(file: str) -> None:
    """
    Raises:
        SystemExit: one of them failed; it has said why.
    """
    sys.argv = ["prefect", "--no-prompt", "deploy", "--all", "--prefect-file", file]
    try:
        app()
    except SystemExit as end:
        if end.code:
            raise
    raise SystemExit(main(["automations"]))


if __name__ == "__main__":
    deploy(*sys.argv[1:])
