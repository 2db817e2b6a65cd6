"""Cron: minute, hour, day of the month, month and weekday, and when such a time was last.

cronsim reads it. What AWS's schedules have no word for, such as the last day of a month, is none.
"""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

EXAMPLE = "'0 8 * * 1-5': at eight from Monday to Friday"
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
FIELDS, DAY, MONTH = 5, 2, 3
LASTS = re.compile(r"\d*LW?|.*#.*", re.IGNORECASE)
# Any moment will do to read an expression.
ANY = datetime(2024, 1, 1)  # noqa: DTZ001 - by the clock of no place
HOUR = timedelta(hours=1)


def require(text: str) -> None:
    """
    Raises:
        ValueError: it is none, or there is no such day.
    """
    fields = text.split()
    if len(fields) != FIELDS:
        raise ValueError(f"expected minute, hour, day, month, weekday as {EXAMPLE}, got {text!r}")
    if any(LASTS.fullmatch(part) for part in re.split("[ ,/-]", " ".join(fields))):
        raise ValueError(f"expected a cron expression as {EXAMPLE}, got {text!r}")
    if why := _why_not(fields):
        # Each of the two is right, and only both together are not.
        if not (_why_not(_with(fields, DAY, "1")) or _why_not(_with(fields, MONTH, "*"))):
            raise ValueError(f"there is no such day: {text!r}")
        raise ValueError(f"expected a cron expression as {EXAMPLE}, got {text!r}: {why}")


def _with(fields: list[str], at: int, given: str) -> list[str]:
    return [given if place == at else one for place, one in enumerate(fields)]


def _why_not(fields: list[str]) -> str:
    try:
        CronSim(" ".join(fields), ANY)
    except CronSimError as error:
        return str(error)
    return ""


def last(text: str, now: datetime, zone: str) -> datetime | None:
    """When it was last, at this moment or before it, by the clock of a time zone; in UTC. None if
    it was not in fifty years. What the clock skips in spring comes an hour later."""
    place = ZoneInfo(zone)
    here = now.astimezone(place).replace(tzinfo=None)
    # The clock may have been put back: what it shows later may have been before.
    for shown in CronSim(text, here + 2 * HOUR, reverse=True):
        then = shown.replace(tzinfo=place).astimezone(UTC)
        if then <= now:
            return then
    return None


def weekdays(text: str) -> list[str]:
    """Their names, from Sunday on."""
    numbers = {one % len(WEEKDAYS) for one in CronSim(text, ANY).weekdays if isinstance(one, int)}
    return [WEEKDAYS[one] for one in sorted(numbers)]
