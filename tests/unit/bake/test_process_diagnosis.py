"""Why a process beside the web process does not run."""

from typing import Any

import pytest

from spotkiln.bake.diagnose import account, diagnose, last_lines
from spotkiln.bake.facts import (
    Listener,
    Unit,
    Where,
    facts_of,
    units_said,
)
from tests.unit.bake.machine_told import answered, facts, units

WORKER = {"name": "shop-worker.service", "kind": "exec"}


def beside(**worker: Any) -> tuple[Unit, ...]:
    """With a worker; the web process does not start before it has."""
    role, migrate, _ = units()
    return (
        role,
        migrate,
        Unit(**{**WORKER, "state": "failed", "result": "exit-code", **worker}),
        Unit(name="shop-processes.service", kind="notify", state="failed", result="exit-code"),
        Unit(name="shop.service", kind="exec", state="inactive"),
    )


@pytest.mark.parametrize(
    ("changes", "summary", "resolution"),
    [
        (
            {"units": beside(ending="exited", status=127)},
            "program is not there",
            "`processes.worker.start`",
        ),
        (
            {"units": beside(kind="notify", result="timeout")},
            "it has not told systemd within its limit",
            "take `processes.worker.notify` away; else make `processes.worker.start_seconds`",
        ),
        (
            {"units": beside(result="start-limit-hit", ending="exited", restarts=3)},
            "the start command has ended, without an error",
            "say `processes.worker.restart: on-failure`",
        ),
        (
            {
                "units": beside(ending="exited", status=1),
                "lines": (("shop-worker", "KeyError: 'QUEUE_URL'"),),
            },
            "QUEUE_URL",
            "`test_environment`",
        ),
        ({"units": beside(result="oom-kill", ending="killed", status=9)}, "too little memory", ""),
        # What the web process would be told is nothing to the worker.
        (
            {
                "units": beside(ending="exited", status=126),
                "listeners": (Listener(address="0.0.0.0", port=9090),),
                "answer": answered(404),
            },
            "program is not there, or cannot be run",
            "",
        ),
    ],
)
def test_why_a_process_does_not_run(changes: dict[str, Any], summary: str, resolution: str) -> None:
    found = diagnose(facts(**changes))
    assert found
    assert summary in found.summary
    assert resolution in found.resolution


def test_a_processs_lines_are_the_last_ones() -> None:
    lines = (("shop-worker", "no queue"), ("shop", "listening"), ("shop-processes", "gave up"))
    found = facts(units=beside(ending="exited", status=1), lines=lines)
    assert last_lines(found) == "no queue"
    assert account(found).startswith("shop-worker.service failed: its process ended with exit")


def test_on_a_server_only_a_process_that_was_given_up_is_told() -> None:
    def said(*texts: str) -> tuple[tuple[str, str], ...]:
        return tuple(("systemd", text) for text in texts)

    once = said("shop-worker.service: Failed with result 'signal'.")
    assert [one.name for one in units_said("shop", once) if one.bad] == []
    # The nightly report is none that serving depends on.
    report = said("shop-report.service: Failed with result 'exit-code'.")
    assert [one.name for one in units_said("shop", report) if one.bad] == []
    lines = said(
        "shop-worker.service: Main process exited, code=exited, status=1/FAILURE",
        "shop-worker.service: Start request repeated too quickly.",
        "shop-worker.service: Failed with result 'exit-code'.",
        "shop-processes.service: Failed with result 'exit-code'.",
    )
    worker, watch = (one for one in units_said("shop", lines) if one.bad)
    assert str(worker) == "shop-worker.service failed: its process ended with exit status 1"
    assert watch.name == "shop-processes.service"
    # Of another application, if there ever were one.
    assert len(units_said("sho", lines)) == len(units_said("sho", ()))


@pytest.mark.parametrize(("restarts", "bad"), [(1, False), (3, True)])
def test_a_process_that_ended_again_and_again_does_not_run(restarts: int, *, bad: bool) -> None:
    """Whatever its state is right now. Once is no cause that the web process does not serve."""
    text = (
        "[units]\nId=shop-worker.service\nType=exec\nActiveState=active\nSubState=running\n"
        f"NRestarts={restarts}\n\nId=shop.service\nType=exec\nActiveState=active\n"
    )
    said = (
        "2026-11-26T01:00:46+0000 shop systemd[1]: shop-worker.service: Main process exited, "
        "code=exited, status=1/FAILURE\n"
        "2026-11-26T01:00:46+0000 shop systemd[1]: shop-worker.service: Failed with result "
        "'exit-code'.\n"
    )
    found = facts_of(text, said, app="shop", where=Where.TESTER, port=8080, expected="200")
    assert [one.name for one in found.units if one.bad] == ["shop-worker.service"] * bad


def test_where_a_process_listens_is_nothing_to_the_web_process() -> None:
    line = "LISTEN 0 5 0.0.0.0:{} 0.0.0.0:* uid:999 ino:1 sk:1 cgroup:/system.slice/{} <->\n"
    text = (
        "[listening]\n"
        + line.format(7433, "shop-worker.service")
        + line.format(8080, "shop.service")
        + "[user]\n999\n"
    )
    found = facts_of(text, "", app="shop", where=Where.TESTER, port=8080, expected="200")
    assert [one.port for one in found.listeners] == [8080]
