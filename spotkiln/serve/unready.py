"""Unready: a machine whose units before the application's have failed. It serves nothing however
long one waits, and its image is not to blame."""

from spotkiln.bake.diagnose import diagnose
from spotkiln.bake.facts import Facts, Where, journal_lines, units_said
from spotkiln.noun import Noun

# How a machine finds out what it is and how it is set up, and mounts what is kept elsewhere.
# systemd starts none of them again.
BEFORE = ("-role.service", "-config.service", "-mounts.service")


class Unready(Noun):
    """`why` is the unit that failed. `advice` is the line to change; if that is not known, what the
    unit said."""

    instance: str
    why: str
    advice: str = ""


def is_before(unit: str) -> bool:
    """Whether a unit does what no image is to blame for."""
    return unit.endswith(BEFORE)


def advice_on(facts: Facts) -> str:
    """On the unit that failed; empty if it has said nothing."""
    if found := diagnose(facts):
        return f"Cause: {found}"
    said = facts.said_by(facts.unit.name.removesuffix(".service")) if facts.unit else []
    return f"It said: {said[-1]}" if said else ""


def unready(instance: str, app: str, console: str) -> Unready | None:
    """What a machine's console tells; None if nothing has failed there for good."""
    lines = journal_lines(console)
    units = tuple(one for one in units_said(app, lines) if is_before(one.name))
    facts = Facts(app=app, where=Where.SERVER, units=units, lines=lines)
    if not facts.unit or not facts.unit.bad:
        return None
    return Unready(instance=instance, why=str(facts.unit), advice=advice_on(facts))
