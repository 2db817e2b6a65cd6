"""Unready: a machine whose units before the application's have failed. It serves nothing however
long one waits, and its image is not to blame."""

from spotkiln.bake.diagnosis import diagnose
from spotkiln.bake.facts import Facts, Where, journal_lines, units_said
from spotkiln.noun import Noun

# How a machine finds out what it is and how it is set up: systemd starts neither again.
BEFORE = ("-role.service", "-config.service")


class Unready(Noun):
    """`why` is the unit that failed, and `advice` the line to change, if that is known."""

    instance: str
    why: str
    advice: str = ""


def is_before(unit: str) -> bool:
    """Whether a unit runs before anything of the image's own."""
    return unit.endswith(BEFORE)


def unready(instance: str, app: str, console: str) -> Unready | None:
    """What a machine's console tells; None if nothing has failed there for good."""
    lines = journal_lines(console)
    units = tuple(one for one in units_said(app, lines) if is_before(one.name))
    facts = Facts(app=app, where=Where.SERVER, units=units, lines=lines)
    if not facts.unit or not facts.unit.bad:
        return None
    found = diagnose(facts)
    return Unready(
        instance=instance, why=str(facts.unit), advice=f"Cause: {found}" if found else ""
    )
