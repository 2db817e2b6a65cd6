"""Served: which target group an image served, and when; a tag on the image for each group."""

from datetime import UTC, datetime
from typing import Self

from spotkiln.noun import Noun

LEFT = "left"


def text_of(moment: datetime) -> str:
    """As all our tags write a time: UTC, to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def moment_of(text: str) -> datetime | None:
    """None for what is no time: somebody may have edited the tag. Without a zone it is UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class Served(Noun):
    """The latest time that an image served a target group. `until` is None while it does. `left`:
    a rollback took it out of service, so no other goes back to it unless it is named."""

    since: datetime
    until: datetime | None = None
    left: bool = False

    @classmethod
    def from_tag(cls, value: str) -> Self | None:
        """None for what cannot be read."""
        words = value.split()
        since = moment_of(words[0]) if words else None
        if since is None:
            return None
        until = moment_of(words[1]) if len(words) > 1 else None
        return cls(since=since, until=until, left=LEFT in words[2:])

    def to_tag(self) -> str:
        """`<since>`, then `<since> <until>`, after a rollback `<since> <until> left`."""
        words = [text_of(self.since)]
        if self.until:
            words += [text_of(self.until), *([LEFT] if self.left else [])]
        return " ".join(words)
