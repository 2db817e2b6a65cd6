"""Causes that the health check's answer shows, or who listens at which port."""

import re

from spotkiln.bake.diagnosis import Diagnosis
from spotkiln.bake.facts import Answer, Facts, Where
from spotkiln.bake.unit_causes import (
    app_unit,
)

# What a page of the smoke test may be answered with, written as a matcher.
BELOW_500 = "100-499"
REDIRECTS = {301, 302, 303, 307, 308}
# curl's words, or those of the library beneath it.
IN_NO_TIME = re.compile(r"timed out|connect to ")
NO_TLS = re.compile(r"SSL|TLS|wrong version number")


def what_was_answered(answer: Answer, expected: str) -> str:
    if not answer.status:
        return f"{answer.url} was not answered ({answer.trouble or 'in no time'})"
    if answer.fits(expected):
        return f"{answer.url} was answered with {answer.status}, as expected"
    to = f", a redirect to {answer.location}" if answer.location else ""
    return f"{answer.url} was answered with {answer.status}{to}; {expected} was expected"


def _unexpected(facts: Facts) -> int:
    """The status of an answer that the health check does not take; 0 if there was none."""
    return 0 if facts.answer.fits(facts.expected) else facts.answer.status


def redirected(facts: Facts) -> Diagnosis | None:
    answer = facts.answer
    if _unexpected(facts) not in REDIRECTS:
        return None
    detail = what_was_answered(answer, facts.expected)
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


def host_refused(facts: Facts) -> Diagnosis | None:
    if _unexpected(facts) not in {400, 403, 421}:
        return None
    return Diagnosis(
        summary="it refuses the health check, as an application does that checks the host's name",
        detail=what_was_answered(facts.answer, facts.expected),
        resolution="The load balancer asks with the machine's own address as Host. Let the health "
        "path answer for every host (Rails: config.host_authorization = {exclude: ...}; Django: "
        "the machine's own address in ALLOWED_HOSTS; others: their trusted hosts)",
    )


def no_such_path(facts: Facts) -> Diagnosis | None:
    why = {
        401: "its health path wants a login",
        404: "it has no such path",
        405: "its health path does not take GET",
    }.get(_unexpected(facts))
    if why is None:
        return None
    return Diagnosis(
        summary=why,
        detail=what_was_answered(facts.answer, facts.expected),
        resolution="Give it a path that answers anybody's GET once it can serve, and name that in "
        "`health_path` and in the target group's health check",
    )


def listens_elsewhere(facts: Facts) -> Diagnosis | None:
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


def slow_listener(facts: Facts) -> Diagnosis | None:
    """Type=exec counts as started at once; then its listener is what is missing."""
    unit = app_unit(facts)
    if not unit or unit.bad or unit.state != "active" or facts.where is not Where.TESTER:
        return None
    if facts.answer.status:
        return None
    if not facts.listeners:
        return Diagnosis(
            summary="it runs, but has not begun to listen within its limit",
            detail=what_was_answered(facts.answer, facts.expected),
            resolution="Make `start_seconds` longer than its slowest start, or find what it waits "
            "for",
        )
    trouble = facts.answer.trouble
    if facts.answer.url.startswith("https:") and NO_TLS.search(trouble):
        return Diagnosis(
            summary="it does not speak TLS, as the health check does",
            detail=what_was_answered(facts.answer, facts.expected),
            resolution="Let it serve HTTPS at this port, or set the target group's health check to "
            "HTTP",
        )
    if trouble and not IN_NO_TIME.search(trouble):
        return Diagnosis(
            summary="it listens, but ends the health check's connection without an answer",
            detail=what_was_answered(facts.answer, facts.expected),
            resolution="Let it answer `health_path` by HTTP, with TLS only if the target group's "
            "health check has it; its last lines may tell more",
        )
    return Diagnosis(
        summary="it listens, but does not answer the health check in time",
        detail=what_was_answered(facts.answer, facts.expected),
        resolution="Give `health_path` one that answers at once, or the target group's health "
        "check a longer timeout; if only the first answer is slow, make `start_seconds` longer",
    )


def broken_page(facts: Facts) -> Diagnosis | None:
    if not facts.broken:
        return None
    return Diagnosis(
        summary="its unit serves, and this page fails under it",
        resolution="Its last lines may tell why. Its own folder is read-only but for `writable`, "
        "and on the machine that tests `test_environment` is all that it has. A page that cannot "
        "work there may be left out of `smoke`",
    )
