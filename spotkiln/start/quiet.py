"""Quiet hours: a part of each day in which no release is started."""

import re
from datetime import datetime, time
from typing import Annotated, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator
from pydantic.config import JsonDict

from spotkiln.noun import Noun, refused_in_words

_HOURS = r"(([01]\d|2[0-3]):[0-5]\d)-(?!\1)([01]\d|2[0-3]):[0-5]\d"
PATTERN = r"^$|^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d [A-Za-z0-9_+/-]+$"


class QuietHours(Noun):
    """From `start` until just before `end`, in that time zone; over midnight if `end` is earlier.

    The local time counts: an hour that is skipped in spring is in no window, and an hour that comes
    twice in autumn is in its window both times.
    """

    start: time
    end: time
    timezone: str

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """`22:00-06:00 Europe/Berlin`; None for none.

        Raises:
            ValueError: anything else, an unknown time zone, or a window without length.
        """
        if not text:
            return None
        if not re.search(PATTERN, text):
            raise ValueError(f"expected quiet hours like '22:00-06:00 Europe/Berlin', got {text!r}")
        hours, _, zone = text.partition(" ")
        start, _, end = hours.partition("-")
        if start == end:
            raise ValueError(
                f"quiet hours from {start} to {end} are none, or all day; to stop the nightly "
                "rebuild use its switch"
            )
        try:
            ZoneInfo(zone)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(
                f"expected a time zone like Europe/Berlin that this machine knows, got {zone!r}"
            ) from error
        return cls(start=time.fromisoformat(start), end=time.fromisoformat(end), timezone=zone)

    def hold(self, now: datetime) -> bool:
        """Whether this moment, in any time zone, is in the quiet hours."""
        clock = now.astimezone(ZoneInfo(self.timezone)).time()
        if self.start < self.end:
            return self.start <= clock < self.end
        return clock >= self.start or clock < self.end

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.end:%H:%M} {self.timezone}"


def _checked(text: str) -> str:
    QuietHours.parse(text)
    return text


def schema() -> JsonDict:
    """What a form refuses by itself: also a time zone that does not exist."""
    zones = "|".join(sorted(map(re.escape, available_timezones())))
    return refused_in_words(
        rf"^{_HOURS} ({zones})$",
        "two different times and a time zone, such as 22:00-06:00 Europe/Berlin",
    )


QuietText = Annotated[str, AfterValidator(_checked)]
