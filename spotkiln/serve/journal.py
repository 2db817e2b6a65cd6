"""Journal: the lines that servers have written to a log group (systemd/ship-logs.sh)."""

import re
from datetime import UTC, datetime, timedelta

from spotkiln.errors import InputError
from spotkiln.markup import visible
from spotkiln.noun import Noun

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
# A unit's name without the application's: `web` is the application's own.
UNIT = r"[A-Za-z0-9_.@-]+"


class Line(Noun):
    """`id` is CloudWatch Logs' own; `when` is the server's clock, in UTC."""

    id: str
    when: datetime
    unit: str
    instance: str
    text: str

    def __str__(self) -> str:
        """For a pipe: each of its lines begins with when and where."""
        where = f"{self.when:%Y-%m-%dT%H:%M:%S}.{self.when.microsecond // 1000:03}Z"
        lines = self.text.splitlines() or [""]
        return "\n".join(f"{where} {self.instance} {self.unit} {one}".rstrip() for one in lines)


def stream_prefix(app: str, unit: str = "") -> str:
    """What the names of the streams begin with: of an application, or of one of its units.

    Raises:
        InputError: no unit has such a name.
    """
    if unit and not re.fullmatch(UNIT, unit):
        raise InputError(f"expected a unit's name such as web, worker or migrate, got {unit!r}")
    return f"{app}/{unit}/" if unit else f"{app}/"


def line_of(event_id: str, stream: str, milliseconds: int, text: str) -> Line:
    """`stream` is APPLICATION/UNIT/INSTANCE; what others wrote to the group has no such name."""
    _, _, rest = stream.partition("/")
    unit, _, instance = rest.partition("/")
    when = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return Line(id=event_id, when=when, unit=unit, instance=instance, text=visible(text).rstrip())


def since(text: str, now: datetime) -> datetime:
    """The moment that is meant: `90s`, `30m`, `1h`, `2d` ago, or a time such as 2026-01-31T12:00;
    without a zone it is this machine's.

    Raises:
        InputError: it is none of these.
    """
    if found := re.fullmatch(r"(\d{1,5})([smhd])", text):
        return now - timedelta(**{UNITS[found[2]]: int(found[1])})
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError as error:
        raise InputError(
            f"expected a time such as 30m, 1h, 2d or 2026-01-31T12:00, got {text!r}"
        ) from error
