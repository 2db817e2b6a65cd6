"""Choices: the values of keys that have only a few."""

from enum import StrEnum


class MigrateOn(StrEnum):
    """Where the migration runs."""

    ONCE = "once"
    EACH = "each"


class Hardening(StrEnum):
    """A level; systemd/ has a file for each."""

    STRICT = "strict"
    STANDARD = "standard"
    BASIC = "basic"
