"""Diagnosis: why an application does not serve, and which line to change.

A pure function over the facts. Without a known cause there is none, and the unit's state and the
last lines have to do.
"""

import re
from collections.abc import Callable

from spotkiln.bake.facts import COMMAND, SUCCESS, Answer, Facts, Unit, Where, process_of
from spotkiln.bake.remedies import MEMORY
from spotkiln.bake.sign import Sign, went_on
from spotkiln.bake.signs import SIGNS
from spotkiln.noun import Noun

LINES_SHOWN = 25
DETAIL_CHARACTERS = 300
# What a page of the smoke test may be answered with, written as a matcher.
BELOW_500 = "100-499"
REDIRECTS = {301, 302, 303, 307, 308}
# Of bash and of systemd's own set-up of a process (systemd.exec(5)).
NOT_EXECUTABLE, NOT_FOUND, NO_EXEC = 126, 127, 203
SIGKILL = 9
# The units before its own that no limit of the application's is for.
NOT_ITS_OWN = tuple(f"-{part}.service" for part in ("role", "services", "config", "folders"))
# curl's words, or those of the library beneath it.
IN_NO_TIME = re.compile(r"timed out|connect to ")
# What systemd/load-balancer.sh says.
NOT_TO_BE_ASKED = re.compile(r"DescribeTargetHealth failed|no tag spotkiln:target-group-arn")
NO_TLS = re.compile(r"SSL|TLS|wrong version number")


class Diagnosis(Noun):
    """`summary` names the cause in one sentence, `detail` is what shows it, `resolution` what to
    change."""

    summary: str
    detail: str = ""
    resolution: str

    def __str__(self) -> str:
        return self.beside("")

    def beside(self, told: str) -> str:
        """In words, without what the words before have told already."""
        new = self.detail and self.detail not in told
        return f"{self.summary}{f' ({self.detail})' if new else ''}. {self.resolution}"


def diagnose(facts: Facts) -> Diagnosis | None:
    """The first known cause that the facts show; None if they show none."""
    causes = CAUSES_OF_A_PROCESS if _process(facts) else CAUSES
    return next(filter(None, (cause(facts) for cause in causes)), None)


def account(facts: Facts) -> str:
    """What is known in one paragraph: the unit that keeps it from serving, and the cause."""
    unit, found = facts.unit, diagnose(facts)
    parts = [str(unit)] if unit else []
    parts += [_asked(page, BELOW_500) for page in facts.broken]
    if facts.answer.url and not facts.broken and (not unit or facts.answer.status):
        parts.append(_asked(facts.answer, facts.expected))
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


def _asked(answer: Answer, expected: str) -> str:
    if not answer.status:
        return f"{answer.url} was not answered ({answer.trouble or 'in no time'})"
    if answer.fits(expected):
        return f"{answer.url} was answered with {answer.status}, as expected"
    to = f", a redirect to {answer.location}" if answer.location else ""
    return f"{answer.url} was answered with {answer.status}{to}; {expected} was expected"


def _unexpected(facts: Facts) -> int:
    """The status of an answer that the health check does not take; 0 if there was none."""
    return 0 if facts.answer.fits(facts.expected) else facts.answer.status


def _app_unit(facts: Facts) -> Unit | None:
    return next((one for one in facts.units if one.name == f"{facts.app}.service"), None)


def _process(facts: Facts) -> str:
    """The process beside the web process that keeps it from serving; empty if none does."""
    return process_of(facts.app, facts.unit.name) if facts.unit else ""


def _key(facts: Facts, name: str) -> str:
    """As spotkiln.yaml calls a setting of what keeps it from serving."""
    process = _process(facts)
    return f"processes.{process}.{name}" if process else name


# -- the causes, in the order in which they are looked for --


def _out_of_memory(facts: Facts) -> Diagnosis | None:
    unit = facts.unit
    if unit is None:
        return None
    # By nothing else of systemd's: not by its limits.
    killed = unit.ending == "killed" and unit.status == SIGKILL
    if unit.result != "oom-kill" and not (killed and unit.result in {SUCCESS, "signal"}):
        return None
    return Diagnosis(
        summary="the machine has too little memory for it",
        resolution=MEMORY[facts.where],
    )


def _redirected(facts: Facts) -> Diagnosis | None:
    answer = facts.answer
    if _unexpected(facts) not in REDIRECTS:
        return None
    detail = _asked(answer, facts.expected)
    permanent = answer.status in {301, 308}
    # Where to is not known of a server: what redirects for good forces HTTPS as a rule.
    if answer.location.startswith("https:") or (permanent and not answer.location):
        return Diagnosis(
            summary="it sends the health check to HTTPS",
            detail=detail,
            resolution="The load balancer follows no redirect. Leave the health path out where "
            "HTTPS is forced (Rails: config.ssl_options = {redirect: {exclude: ...}}; Django: "
            f"SECURE_REDIRECT_EXEMPT), or add {answer.status} to the target group's matcher",
        )
    return Diagnosis(
        summary="it redirects the health check",
        detail=detail,
        resolution="The load balancer follows no redirect. Let the health path answer by itself, "
        "without a login, change `health_path` and the target group's path to one that does, or "
        f"add {answer.status} to the target group's matcher",
    )


def _host_refused(facts: Facts) -> Diagnosis | None:
    if _unexpected(facts) not in {400, 403, 421}:
        return None
    return Diagnosis(
        summary="it refuses the health check, as an application does that checks the host's name",
        detail=_asked(facts.answer, facts.expected),
        resolution="The load balancer asks with the machine's own address as Host. Let the health "
        "path answer for every host (Rails: config.host_authorization = {exclude: ...}; Django: "
        "the machine's own address in ALLOWED_HOSTS; others: their trusted hosts)",
    )


def _no_such_path(facts: Facts) -> Diagnosis | None:
    why = {
        401: "its health path wants a login",
        404: "it has no such path",
        405: "its health path does not take GET",
    }.get(_unexpected(facts))
    if why is None:
        return None
    return Diagnosis(
        summary=why,
        detail=_asked(facts.answer, facts.expected),
        resolution="Give it a path that answers anybody's GET once it can serve, and name that in "
        "`health_path` and in the target group's health check",
    )


def _said(facts: Facts) -> Diagnosis | None:
    """What the application itself said."""
    unit = facts.unit
    own = unit.name.removesuffix(".service") if unit else facts.app
    said = facts.said_by(own, COMMAND)
    return next(filter(None, (_by(sign, facts, said) for sign in SIGNS)), None)


def _by(sign: Sign, facts: Facts, said: list[str]) -> Diagnosis | None:
    # The last one: what it tried first may have been mended by its next try.
    for at, text in reversed([*enumerate(said)]):
        if found := sign.read(text, facts):
            if sign.last and went_on(said[at + 1 :]):
                return None
            summary, resolution = found
            detail = text.strip()[:DETAIL_CHARACTERS]
            return Diagnosis(summary=summary, detail=detail, resolution=resolution)
    return None


def _never_told(facts: Facts) -> Diagnosis | None:
    unit = _app_unit(facts)
    if not unit or unit.kind != "notify" or unit.state == "active":
        return None
    if not facts.answer.status and unit.result != "protocol":
        return None
    # One that ended by itself may have told before.
    if unit.result not in {SUCCESS, "timeout", "protocol"}:
        return None
    return Diagnosis(
        summary="it serves, but does not tell systemd that it is ready",
        resolution="Set `notify: false`, or let it tell (puma 5.1 and newer do by themselves)",
    )


def _listens_elsewhere(facts: Facts) -> Diagnosis | None:
    if facts.answer.status or not facts.listeners:
        return None
    asked = facts.health_port or facts.port
    here = [one for one in facts.listeners if one.port == asked]
    if any(not one.local for one in here):
        return None
    if here:
        return Diagnosis(
            summary="it listens for this machine alone",
            detail=str(here[0]),
            resolution="The load balancer comes from outside: let it listen at 0.0.0.0, by the "
            "start command's option for it (--host, --bind, -b) or its HOST setting",
        )
    seen = sorted(set(map(str, facts.listeners)))
    own = "$PORT, which is " if asked == facts.port else ""
    key, group = ("port", "port") if own else ("health_port", "health check's port")
    return Diagnosis(
        summary=f"it listens at another port than {asked}",
        detail=", ".join(seen[:5]),
        resolution=f"Let it listen at {own}{asked}, or change `{key}` and the target group's "
        f"{group} to its own",
    )


def _too_slow(facts: Facts) -> Diagnosis | None:
    unit = facts.unit
    # What a machine is for it is told by the metadata service, whatever the application does; its
    # settings come from elsewhere, and its folders are ours.
    if unit is None or unit.name.endswith(NOT_ITS_OWN):
        return None
    starts = (unit.state, unit.sub) == ("activating", "start") and not unit.bad
    if unit.result != "timeout" and not (starts and facts.where is Where.TESTER):
        return None
    migrates = unit.name.endswith("-migrate.service")
    limit = "migrate_seconds" if migrates else _key(facts, "start_seconds")
    if _process(facts) and unit.kind == "notify":
        return Diagnosis(
            summary="it has not told systemd within its limit that it is ready",
            resolution=f"If it cannot tell, take `{_key(facts, 'notify')}` away; else make "
            f"`{limit}` longer than its slowest start, or find what it waits for",
        )
    return Diagnosis(
        summary=f"{'the migration' if migrates else 'its start'} takes longer than its limit",
        resolution=f"Make `{limit}` longer than the slowest one, or find what it waits for",
    )


def _slow_listener(facts: Facts) -> Diagnosis | None:
    """Type=exec counts as started at once; then its listener is what is missing."""
    unit = _app_unit(facts)
    if not unit or unit.bad or unit.state != "active" or facts.where is not Where.TESTER:
        return None
    if facts.answer.status:
        return None
    if not facts.listeners:
        return Diagnosis(
            summary="it runs, but has not begun to listen within its limit",
            detail=_asked(facts.answer, facts.expected),
            resolution="Make `start_seconds` longer than its slowest start, or find what it waits "
            "for",
        )
    trouble = facts.answer.trouble
    if facts.answer.url.startswith("https:") and NO_TLS.search(trouble):
        return Diagnosis(
            summary="it does not speak TLS, as the health check does",
            detail=_asked(facts.answer, facts.expected),
            resolution="Let it serve HTTPS at this port, or set the target group's health check to "
            "HTTP",
        )
    if trouble and not IN_NO_TIME.search(trouble):
        return Diagnosis(
            summary="it listens, but ends the health check's connection without an answer",
            detail=_asked(facts.answer, facts.expected),
            resolution="Let it answer `health_path` by HTTP, with TLS only if the target group's "
            "health check has it; its last lines may tell more",
        )
    return Diagnosis(
        summary="it listens, but does not answer the health check in time",
        detail=_asked(facts.answer, facts.expected),
        resolution="Give `health_path` one that answers at once, or the target group's health "
        "check a longer timeout; if only the first answer is slow, make `start_seconds` longer",
    )


def _nobody_in_charge(facts: Facts) -> Diagnosis | None:
    """systemd/watch-processes.sh lets nothing serve then."""
    said = facts.said_by(f"{facts.app}-processes")
    if facts.unit is None or facts.unit.name != f"{facts.app}-processes.service":
        return None
    refused = next((x for x in reversed(said) if NOT_TO_BE_ASKED.search(x)), "")
    if not refused:
        return None
    return Diagnosis(
        summary="it cannot be asked which server is to run what runs on one server only",
        detail=refused[:DETAIL_CHARACTERS],
        resolution="Give the servers' role (`infra.instance_profile`) the right to "
        "elasticloadbalancing:DescribeTargetHealth, or take `once` away",
    )


def _ended(facts: Facts) -> Diagnosis | None:
    unit = facts.unit if _process(facts) else _app_unit(facts)
    if unit is None or unit.ending != "exited":
        return None
    if unit.status in {NOT_FOUND, NOT_EXECUTABLE, NO_EXEC}:
        return Diagnosis(
            summary="the start command's program is not there, or cannot be run",
            resolution=f"Name in `{_key(facts, 'start')}` one that is in the image: by its path, "
            "or through `bundle exec`, `npx`, `.venv/bin/`",
        )
    ended = not unit.bad and unit.state in {"inactive", "deactivating"}
    if unit.status == 0 and (ended or (_process(facts) and unit.restarts)):
        return Diagnosis(
            summary="the start command has ended, without an error",
            resolution="It must stay in the foreground until SIGTERM: take away its option for "
            "the background (--daemon, -d), and do not end with `&`"
            + (_MAY_END.format(_key(facts, "restart")) if _process(facts) else ""),
        )
    return None


def _broken_page(facts: Facts) -> Diagnosis | None:
    if not facts.broken:
        return None
    return Diagnosis(
        summary="its unit serves, and this page fails under it",
        resolution="Its last lines may tell why. Its own folder is read-only but for `writable`, "
        "and on the machine that tests `test_environment` is all that it has. A page that cannot "
        "work there may be left out of `smoke`",
    )


_MAY_END = ". If it is done when it has ended, say `{}: on-failure`"
# What keeps a process from running shows in nothing that the web process does.
CAUSES_OF_A_PROCESS: tuple[Callable[[Facts], Diagnosis | None], ...] = (
    _out_of_memory,
    _said,
    _too_slow,
    _ended,
)
CAUSES: tuple[Callable[[Facts], Diagnosis | None], ...] = (
    _out_of_memory,
    _nobody_in_charge,
    _redirected,
    _host_refused,
    _no_such_path,
    _never_told,
    _listens_elsewhere,
    _said,
    _too_slow,
    _slow_listener,
    _ended,
    _broken_page,
)
