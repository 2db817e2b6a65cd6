"""Programs: what lies beside the command in the same installation, and what this process becomes.

They know the product or stand in for AWS; the product knows nothing of them but their names.
"""

import os
import signal
import sys
from collections.abc import Mapping
from importlib.util import find_spec

from spotkiln.bake.recipe import ROOT
from spotkiln.errors import InputError

PROGRAMS = ROOT / "programs"
# What they import, of what only the extra `sandbox` brings.
NEEDED = ("aiohttp", "docker", "moto")
EXTRA = "pip install 'spotkiln[sandbox]'"


def become(name: str, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
    """Replace this process by `python -m NAME ARGUMENTS`, so that every signal reaches it.

    Raises:
        InputError: this installation has no such program, or not what it needs.
    """
    if not (PROGRAMS / name).is_dir():
        raise InputError(
            f"this installation has no {PROGRAMS / name}: it is broken; install spotkiln anew"
        )
    if missing := [one for one in NEEDED if find_spec(one) is None]:
        raise InputError(
            f"the sandbox needs {', '.join(missing)}, which an installation has only if asked: "
            f"`{EXTRA}` brings it"
        )
    # Without the current folder: an application may have packages of the same names.
    command = [sys.executable, "-P", "-m", name, *arguments]
    search = os.pathsep.join(filter(None, [str(PROGRAMS), os.environ.get("PYTHONPATH")]))
    sys.stdout.flush()
    # Ctrl-C is heard once there is something that can tell what to do with it.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        given = {**os.environ, **(environment or {}), "PYTHONPATH": search}
        os.execve(sys.executable, command, given)  # noqa: S606
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
