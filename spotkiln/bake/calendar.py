"""Calendar: what systemd itself says of the times of timers, where it is installed."""

import shutil
from collections.abc import Mapping

from spotkiln.bake.processes import Timer
from spotkiln.errors import InputError
from spotkiln.process import run

SECONDS = 10.0


def require_times(timers: Mapping[str, Timer], called: str) -> None:
    """Their pattern has been checked: this finds what only systemd knows, such as a 25th hour.
    `called` is the file's name in errors.

    Raises:
        InputError: systemd would not take one.
    """
    systemd = shutil.which("systemd-analyze")
    if systemd is None:
        return
    for name, timer in timers.items():
        said = run([systemd, "calendar", "--", timer.on], timeout_seconds=SECONDS)
        if said.code:
            raise InputError(
                f"{called}: timers.{name}.on: expected a calendar expression of systemd, got "
                f"{timer.on!r}: {said.errors.decode(errors='replace').strip()}; try it with "
                "`systemd-analyze calendar`"
            )
