"""Diagnose: why an application does not serve, and which line to change.

A pure function over the facts. Without a known cause there is none, and the unit's state and the
last lines have to do.
"""

from collections.abc import Callable

from spotkiln.bake import answer_causes, unit_causes
from spotkiln.bake.diagnosis import DETAIL_CHARACTERS, Diagnosis
from spotkiln.bake.facts import COMMAND, Facts
from spotkiln.bake.sign import Sign, went_on
from spotkiln.bake.signs import SIGNS

LINES_SHOWN = 25


def diagnose(facts: Facts) -> Diagnosis | None:
    """The first known cause that the facts show; None if they show none."""
    causes = CAUSES_OF_A_PROCESS if unit_causes.failing_process(facts) else CAUSES
    return next(filter(None, (cause(facts) for cause in causes)), None)


def account(facts: Facts) -> str:
    """What is known in one paragraph: the unit that keeps it from serving, and the cause."""
    unit, found = facts.unit, diagnose(facts)
    parts = [str(unit)] if unit else []
    parts += [
        answer_causes.what_was_answered(page, answer_causes.BELOW_500) for page in facts.broken
    ]
    if facts.answer.url and not facts.broken and (not unit or facts.answer.status):
        parts.append(answer_causes.what_was_answered(facts.answer, facts.expected))
    text = "; ".join(parts) or "nothing was seen of it"
    return f"{text}. Cause: {found.beside(text)}" if found else text


def last_lines(facts: Facts) -> str:
    """What whoever keeps it from serving said last."""
    unit = facts.unit
    name = unit.name.removesuffix(".service") if unit else facts.app
    own = facts.said_by(name)
    # A unit that never ran has said nothing: then systemd's lines tell why.
    said = own or [text for who, text in facts.lines if who == "systemd"]
    return "\n".join(said[-LINES_SHOWN:])


def _said(facts: Facts) -> Diagnosis | None:
    """What the application itself said."""
    unit = facts.unit
    own = unit.name.removesuffix(".service") if unit else facts.app
    said = facts.said_by(own, COMMAND)
    return next(filter(None, (_by(sign, facts, said) for sign in SIGNS)), None)


def _by(sign: Sign, facts: Facts, said: list[str]) -> Diagnosis | None:
    # The newest line counts: the application may have tried again, and got past an earlier error.
    for at, text in reversed([*enumerate(said)]):
        if found := sign.read(text, facts):
            if sign.last and went_on(said[at + 1 :]):
                return None
            summary, resolution = found
            detail = text.strip()[:DETAIL_CHARACTERS]
            return Diagnosis(summary=summary, detail=detail, resolution=resolution)
    return None


# What keeps a process from running shows in nothing that the web process does.
CAUSES_OF_A_PROCESS: tuple[Callable[[Facts], Diagnosis | None], ...] = (
    unit_causes.out_of_memory,
    _said,
    unit_causes.too_slow,
    unit_causes.ended,
)
CAUSES: tuple[Callable[[Facts], Diagnosis | None], ...] = (
    unit_causes.out_of_memory,
    unit_causes.nobody_in_charge,
    answer_causes.redirected,
    answer_causes.host_refused,
    answer_causes.no_such_path,
    unit_causes.never_told,
    answer_causes.listens_elsewhere,
    _said,
    unit_causes.too_slow,
    answer_causes.slow_listener,
    unit_causes.ended,
    answer_causes.broken_page,
)
