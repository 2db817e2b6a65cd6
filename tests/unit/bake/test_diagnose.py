"""Why an application does not serve, from what its machine has told."""

from typing import Any

import pytest

from spotkiln.bake.diagnose import account, diagnose, last_lines
from spotkiln.bake.facts import (
    Answer,
    Listener,
    Unit,
    Where,
    facts_of,
)
from tests.unit.bake.machine_told import answered, facts, units

# What the machine has told.


# What it comes to.


@pytest.mark.parametrize(
    ("changes", "summary", "resolution"),
    [
        (
            {"units": units(state="failed", result="oom-kill", ending="killed", status=9)},
            "too little memory",
            "`build.instance_type`",
        ),
        (
            {"where": Where.SERVER, "units": units(state="failed", result="oom-kill")},
            "too little memory",
            "`fleet.instance_types`",
        ),
        (
            {"answer": answered(301, "https://10.0.0.5/health")},
            "it sends the health check to HTTPS",
            "add 301 to the target group's matcher",
        ),
        (
            {"answer": answered(302, "http://10.0.0.5:8080/login")},
            "it redirects the health check",
            "without a login",
        ),
        ({"answer": answered(400)}, "checks the host's name", "ALLOWED_HOSTS"),
        ({"answer": answered(403)}, "checks the host's name", "host_authorization"),
        ({"answer": answered(401)}, "wants a login", "`health_path`"),
        ({"answer": answered(404)}, "no such path", "`health_path`"),
        (
            {
                "units": units(kind="notify", state="activating", sub="start"),
                "answer": answered(200),
            },
            "does not tell systemd that it is ready",
            "`notify: false`",
        ),
        (
            {"units": units(kind="notify", state="failed", result="protocol", ending="exited")},
            "does not tell systemd that it is ready",
            "`notify: false`",
        ),
        (
            {"listeners": (Listener(address="127.0.0.1", port=8080),)},
            "it listens for this machine alone",
            "0.0.0.0",
        ),
        (
            {"listeners": (Listener(address="[::1]", port=8080),)},
            "it listens for this machine alone",
            "0.0.0.0",
        ),
        (
            {"listeners": (Listener(address="*", port=3000, process="node"),)},
            "it listens at another port than 8080",
            "`port`",
        ),
        (
            {"units": units(kind="notify", state="activating", sub="start")},
            "its start takes longer than its limit",
            "`start_seconds`",
        ),
        (
            {"units": (Unit(name="shop-migrate.service", state="failed", result="timeout"),)},
            "the migration takes longer than its limit",
            "`migrate_seconds`",
        ),
        ({"answer": answered(0)}, "has not begun to listen", "`start_seconds`"),
        (
            {
                "listeners": (Listener(address="0.0.0.0", port=8080),),
                "answer": answered(0, trouble="Operation timed out"),
            },
            "does not answer the health check in time",
            "timeout",
        ),
        (
            {
                "listeners": (Listener(address="0.0.0.0", port=8080),),
                "answer": Answer(
                    url="https://10.0.0.5:8080/health",
                    trouble="error:0A00010B:SSL routines::wrong version number",
                ),
            },
            "it does not speak TLS",
            "HTTP",
        ),
        (
            {
                "listeners": (Listener(address="0.0.0.0", port=8080),),
                "answer": answered(0, trouble="Failed to connect to 10.0.0.5 port 8080"),
            },
            "does not answer the health check in time",
            "`start_seconds`",
        ),
        (
            {
                "listeners": (Listener(address="0.0.0.0", port=8080),),
                "answer": answered(0, trouble="Empty reply from server"),
            },
            "ends the health check's connection without an answer",
            "`health_path`",
        ),
        (
            {"units": units(state="failed", result="exit-code", ending="exited", status=127)},
            "the start command's program is not there",
            "`start`",
        ),
        (
            {"units": units(state="inactive", sub="dead", ending="exited")},
            "the start command has ended, without an error",
            "in the foreground",
        ),
    ],
)
def test_a_known_cause_has_its_own_sentence(
    changes: dict[str, Any], summary: str, resolution: str
) -> None:
    found = diagnose(facts(**changes))
    assert found
    assert summary in found.summary
    assert resolution in found.resolution


@pytest.mark.parametrize(
    "changes",
    [
        {"answer": answered(500), "listeners": (Listener(address="0.0.0.0", port=8080),)},
        {"units": units(state="failed", result="exit-code", ending="exited", status=1)},
        {"where": Where.SERVER, "units": units(state="active")},
    ],
)
def test_what_is_not_known_is_not_guessed(changes: dict[str, Any]) -> None:
    assert diagnose(facts(**changes)) is None


def test_an_answer_that_is_expected_is_not_the_cause() -> None:
    waits = units(kind="notify", state="activating", sub="start")
    for expected, status in [("200-399", 302), ("200,404", 404), ("400", 400)]:
        found = diagnose(facts(expected=expected, answer=answered(status), units=waits))
        assert found
        assert "does not tell systemd" in found.summary
    told = account(facts(answer=answered(200), units=waits))
    assert f"{answered(200).url} was answered with 200, as expected. Cause: it serves" in told


def test_one_that_answered_before_it_ended_has_told_systemd() -> None:
    failed = units(kind="notify", state="failed", result="exit-code", ending="exited", status=1)
    assert diagnose(facts(units=failed, answer=answered(500))) is None


@pytest.mark.parametrize(
    ("code", "result", "told"),
    [("exited, status=1/FAILURE", "exit-code", ""), ("killed, status=15/TERM", "timeout", "tell")],
)
def test_one_that_answered_and_is_started_again(code: str, result: str, told: str) -> None:
    text = (
        "[units]\nId=shop.service\nType=notify\nActiveState=activating\nSubState=start\n"
        "NRestarts=2\n[answer]\nurl=http://10.0.0.5:8080/\nstatus=500\n"
    )
    said = (
        "2026-11-26T01:00:46+0000 shop systemd[1]: shop.service: Main process exited, "
        f"code={code}\n"
        f"2026-11-26T01:00:46+0000 shop systemd[1]: shop.service: Failed with result '{result}'.\n"
    )
    found = facts_of(text, said, app="shop", where=Where.TESTER, port=8080, expected="200")
    assert found.unit
    assert found.unit.result == result
    cause = diagnose(found)
    assert told in (cause.summary if cause else "")
    assert bool(cause) == bool(told)


def test_a_machine_that_does_not_find_out_its_role_is_no_slow_application() -> None:
    role = Unit(name="shop-role.service", state="failed", result="timeout")
    assert diagnose(facts(units=(role,))) is None


def test_a_password_in_an_address_is_not_told() -> None:
    said = (
        "2026-11-26T01:00:46+0000 shop-i-1 shop[655]: Error 111 connecting to "
        "redis://:hush@cache:6379/0. Connection refused.\n"
    )
    text = "[units]\nId=shop.service\nType=exec\nActiveState=failed\nResult=exit-code\n"
    found = facts_of(text, said, app="shop", where=Where.TESTER, port=8080, expected="200")
    assert "redis://cache:6379" in account(found)
    assert "hush" not in account(found) + last_lines(found)


def test_what_it_answers_counts_more_than_what_it_has_said() -> None:
    """It serves: a line of its start is no longer the reason."""
    lines = (("shop", "TOKEN is not set"),)
    found = diagnose(facts(answer=answered(403), lines=lines))
    assert found
    assert "host" in found.summary


def test_only_the_unit_that_failed_is_heard() -> None:
    lines = (("shop-migrate", "TOKEN is not set"), ("shop", "KeyError: 'OTHER'"))
    failed = units(state="failed", result="exit-code", ending="exited", status=1)
    found = diagnose(facts(units=failed, lines=lines))
    assert found
    assert "OTHER" in found.summary
    assert last_lines(facts(units=failed, lines=lines)) == "KeyError: 'OTHER'"


def test_an_unknown_failure_is_told_with_its_unit_and_exit_code() -> None:
    failed = units(state="failed", result="exit-code", ending="exited", status=3)
    assert account(facts(units=failed)) == (
        "shop.service failed: its process ended with exit status 3"
    )


# What runs beside the web process.


def test_nobody_can_be_asked_who_is_in_charge() -> None:
    lines = (
        ("shop-processes", "DescribeTargetHealth failed: not authorized"),
        ("shop-processes", "processes: it cannot be asked which server is to run clock"),
    )
    role, migrate, _ = units()
    watch = Unit(name="shop-processes.service", state="failed", result="exit-code")
    found = diagnose(facts(units=(role, migrate, watch), lines=lines, where=Where.SERVER))
    assert found
    assert "which server is to run what runs on one server only" in found.summary
    assert found.detail == "DescribeTargetHealth failed: not authorized"
