"""Moments for people: everywhere in the same form, with their zone."""

from datetime import UTC, datetime


def utc(moment: datetime) -> str:
    """Such as `2026-01-31 12:00:00 UTC`. A time without a zone is taken for this machine's."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
