"""What is read of what a machine told."""

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
from tests.unit.bake.machine_told import JOURNAL, TOLD, answered, facts


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
