"""Why an application does not serve, from what its machine has told."""

from typing import Any

import pytest

from spotkiln.bake.diagnose import account, diagnose, last_lines
from spotkiln.bake.facts import (
    Answer,
    Facts,
    Listener,
    Unit,
    Where,
    facts_of,
    journal_lines,
    units_said,
)

# As `systemctl show`, `ss` and curl say it on Debian 12.
TOLD = """\
[units]
Type=oneshot
Result=success
ExecMainCode=1
ExecMainStatus=0
Id=shop-role.service
ActiveState=active
SubState=exited

Type=oneshot
Result=exit-code
ExecMainCode=1
ExecMainStatus=1
Id=shop-migrate.service
ActiveState=failed
SubState=failed

Type=exec
Result=success
ExecMainCode=2
ExecMainStatus=15
Id=shop.service
ActiveState=inactive
SubState=dead
[listening]
LISTEN 0      128          0.0.0.0:22        0.0.0.0:*    users:(("sshd",pid=412,fd=3)) ino:1
LISTEN 0      4096       127.0.0.1:8080      0.0.0.0:*    users:(("ruby",pid=150,fd=5)) uid:999
LISTEN 0      4096          [::1]:9090         [::]:*    uid:999 ino:3 sk:3
LISTEN 0      4096               *:7000            *:*    uid:1000 ino:4 sk:4
[user]
999
[answer]
url=http://10.0.0.5:8080/health
status=301
location=https://10.0.0.5:8080/health
trouble=
"""
JOURNAL = """\
2026-11-26T01:00:44+0000 shop-i-1 systemd[1]: Starting shop-migrate.service - shop, preparation...
2026-11-26T01:00:46+0000 shop-i-1 shop-migrate[655]: shop.rb:5:in `fetch': key not found: "TOKEN"
                                                     (KeyError)
2026-11-26T01:01:03+00:00 shop-i-1 systemd[1]: shop-migrate.service: Main process exited, \
code=exited, status=1/FAILURE
2026-11-26T01:01:03+0000 shop-i-1 systemd[1]: shop-migrate.service: Failed with result 'exit-code'.
"""


def facts(**changes: Any) -> Facts:
    """Of a tester on which everything is active."""
    settings = {"app": "shop", "where": Where.TESTER, "port": 8080, "units": units()}
    return Facts.model_validate({**settings, **changes})


def units(**app: Any) -> tuple[Unit, ...]:
    active = {"state": "active"}
    return (
        Unit(name="shop-role.service", kind="oneshot", **active),
        Unit(name="shop-migrate.service", kind="oneshot", **active),
        Unit(**{"name": "shop.service", "kind": "exec", "sub": "running", **active, **app}),
    )


def answered(status: int, location: str = "", trouble: str = "") -> Answer:
    return Answer(
        url="http://10.0.0.5:8080/health", status=status, location=location, trouble=trouble
    )


# What the machine has told.


def test_what_a_machine_tells_is_read() -> None:
    found = facts_of(TOLD, JOURNAL, app="shop", where=Where.TESTER, port=8080, expected="200")
    assert found.unit == Unit(
        name="shop-migrate.service",
        kind="oneshot",
        state="failed",
        sub="failed",
        result="exit-code",
        ending="exited",
        status=1,
    )
    assert str(found.unit) == "shop-migrate.service failed: its process ended with exit status 1"
    # The application's own, and nobody else's.
    assert found.listeners == (
        Listener(address="127.0.0.1", port=8080, process="ruby"),
        Listener(address="[::1]", port=9090),
    )
    assert found.answer == answered(301, "https://10.0.0.5:8080/health")
    assert last_lines(found) == 'shop.rb:5:in `fetch\': key not found: "TOKEN"\n(KeyError)'
    assert account(found).startswith(f"{found.unit}; {found.answer.url} was answered with 301")


@pytest.mark.parametrize(
    "text", ["", "[units]\n", "[units]\n\n[listening]\nnonsense\n[answer]\n=\n"]
)
def test_what_a_machine_could_not_tell_is_left_out(text: str) -> None:
    found = facts_of(text, "", app="shop", where=Where.TESTER, port=8080, expected="200")
    assert (found.unit, found.listeners, found.answer, found.lines) == (None, (), Answer(), ())
    assert (account(found), last_lines(found)) == ("nothing was seen of it", "")


PAGES = """\
[units]
Id=shop.service
Type=exec
ActiveState=active
SubState=running
[answer]
url=http://10.0.0.5:8080/health
status=200
[broken]
url=http://10.0.0.5:8080/
status=500
location=
trouble=

url=http://10.0.0.5:8080/slow
status=000
location=
trouble=Operation timed out after 60000 ms
[logs]
 [units]
 Started GET "/" for 10.0.0.5
   Errno::EROFS (Read-only file system @ rb_sysopen - /srv/shop/cache/x):
"""


def test_a_page_that_does_not_work_is_told_with_what_its_log_file_says() -> None:
    found = facts_of(PAGES, "", app="shop", where=Where.TESTER, port=8080, expected="200")
    told = account(found)
    assert told.startswith(
        "http://10.0.0.5:8080/ was answered with 500; 100-499 was expected; "
        "http://10.0.0.5:8080/slow was not answered (Operation timed out after 60000 ms). Cause: "
        "it writes to /srv/shop/cache/x, which is read-only"
    )
    assert "Add cache to `writable`" in told
    assert last_lines(found).splitlines()[:2] == ["[units]", 'Started GET "/" for 10.0.0.5']


def test_a_page_that_fails_for_a_reason_of_its_own() -> None:
    text = PAGES.partition("[logs]")[0]
    found = facts_of(text, "", app="shop", where=Where.TESTER, port=8080, expected="200")
    assert "Cause: its unit serves, and this page fails under it. Its last lines" in account(found)
    assert "`smoke`" in account(found)


@pytest.mark.parametrize(
    ("health_port", "seen", "told"),
    [
        (0, 8000, "another port than 8080 (ruby at 0.0.0.0:8000). Let it listen at $PORT"),
        (81, 8080, "Let it listen at 81, or change `health_port` and the target group's health ch"),
        (81, 81, ""),
    ],
)
def test_where_the_health_check_asks(health_port: int, seen: int, told: str) -> None:
    listener = Listener(address="0.0.0.0", port=seen, process="ruby")
    cause = diagnose(facts(health_port=health_port, listeners=(listener,)))
    assert told in str(cause or "")
    assert ("another port" in str(cause)) == bool(told)


def test_between_two_starts_the_last_failure_counts() -> None:
    """A unit that systemd has just started again shows nothing of it."""
    text = "[units]\nId=shop.service\nType=exec\nActiveState=activating\nSubState=start\n"
    said = (
        "2026-11-26T01:00:46+0000 shop systemd[1]: shop.service: Main process exited, code=killed, "
        "status=9/KILL\n"
        "2026-11-26T01:00:46+0000 shop systemd[1]: shop.service: Failed with result 'signal'.\n"
        "2026-11-26T01:00:47+0000 shop systemd[1]: Starting shop.service - shop...\n"
    )
    found = facts_of(text, said, app="shop", where=Where.TESTER, port=8080, expected="200")
    assert str(found.unit) == "shop.service failed: its process was ended by signal 9"
    assert "too little memory" in account(found)


def test_one_that_is_started_again_and_again_fails() -> None:
    """Of Type=exec it counts as started each time, until it listens."""
    text = (
        "[units]\nId=shop.service\nType=exec\nActiveState=active\nSubState=running\nNRestarts=2\n"
    )
    said = (
        "2026-11-26T01:00:46+0000 shop systemd[1]: shop.service: Main process exited, code=exited, "
        "status=127/n/a\n"
        "2026-11-26T01:00:46+0000 shop systemd[1]: shop.service: Failed with result 'exit-code'.\n"
    )
    found = facts_of(text, said, app="shop", where=Where.TESTER, port=8080, expected="200")
    assert str(found.unit) == "shop.service failed: its process ended with exit status 127"
    listens = "[listening]\nLISTEN 0 5 127.0.0.1:8080 0.0.0.0:* uid:999\n[user]\n999\n"
    found = facts_of(
        text + listens, said, app="shop", where=Where.TESTER, port=8080, expected="200"
    )
    assert found.unit is None


def test_what_is_told_already_is_not_told_again() -> None:
    told = account(facts(answer=answered(403)))
    assert told.count("was answered with 403") == 1
    assert ". Cause: it refuses the health check, as an application does that" in told


def test_a_console_tells_of_the_units_between_the_kernels_lines() -> None:
    console = (
        "[    4.2] EXT4-fs (nvme0n1p1): mounted\n"
        "Debian GNU/Linux 12 shop ttyS0\n\n" + JOURNAL + "[   99.1] random: crng init done\n"
    )
    lines = journal_lines(console)
    bad = [str(one) for one in units_said("shop", lines) if one.bad]
    assert bad == ["shop-migrate.service failed: its process ended with exit status 1"]


def test_a_console_names_the_settings_that_are_missing() -> None:
    console = """\
2026-11-26T01:00:44+0000 shop-i-1 shop-config[41]: config: missing: A, B; looked in /shop/; \
nothing of shop starts here
2026-11-26T01:00:44+0000 shop-i-1 systemd[1]: shop-config.service: Main process exited, \
code=exited, status=1/FAILURE
2026-11-26T01:00:44+0000 shop-i-1 systemd[1]: shop-config.service: Failed with result 'exit-code'.
"""
    lines = journal_lines(console)
    facts = Facts(
        app="shop",
        where=Where.SERVER,
        units=units_said("shop", lines),
        lines=lines,
        answer=Answer(),
    )
    found = diagnose(facts)
    assert found
    assert str(facts.unit).startswith("shop-config.service failed")
    assert found.summary == "its settings A, B are missing"
    assert "the deployment's `configuration`" in found.resolution


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
