"""What is shown first of a failed fleet, and how much of its consoles."""

from spotkiln.serve.evidence import Evidence, failing_first, last_lines, with_known_cause
from spotkiln.serve.gate import BLAMES_IMAGE, Cause, GateOutcome, Verdict
from tests.unit.looks import INTERRUPTED, OWN_END
from tests.unit.nouns import health_check, instance, target


def test_what_failed_comes_first() -> None:
    instances = [
        instance("i-healthy"),
        instance("i-taken", "terminated", INTERRUPTED),
        instance("i-booting"),
        instance("i-unknown"),
        instance("i-crashed", "terminated", OWN_END),
        instance("i-sick"),
    ]
    targets = [
        target("i-healthy"),
        target("i-booting", "initial"),
        target("i-unknown", "unregistered"),
        target("i-sick", "unhealthy", "Target.Timeout"),
    ]
    ordered, told = failing_first(instances, targets)
    assert [one.id for one in ordered] == [
        "i-sick",
        "i-crashed",
        "i-unknown",
        "i-booting",
        "i-taken",
        "i-healthy",
    ]
    assert [one.instance for one in told] == ["i-sick", "i-unknown", "i-booting", "i-healthy"]


def test_a_target_that_ec2_does_not_tell_of_is_not_lost() -> None:
    assert failing_first([], [target("i-1")]) == ((), (target("i-1"),))


def test_a_password_in_an_address_is_not_kept() -> None:
    assert last_lines("no answer of redis://:hush@cache:6379\n") == (
        "no answer of redis://cache:6379\n"
    )


def test_the_last_lines_are_whole_ones() -> None:
    assert last_lines("first\nsecond\nthird", 10) == "third"
    assert last_lines("short", 10) == "short"
    assert last_lines("x" * 20, 10) == "x" * 10


def test_colours_and_returns_of_a_terminal_go() -> None:
    assert last_lines("\x1b[0;32m  OK  \x1b[0m Started web.\r\nboom\rbang") == (
        "  OK   Started web.\nboom\nbang"
    )


def test_the_last_words_are_the_first_console_that_has_any() -> None:
    told = Evidence(consoles={"i-1": "", "i-2": "boot\n" * 20 + "no database\n\n", "i-3": "well"})
    lines = told.last_words.splitlines()
    assert (lines[0], lines[-1], len(lines)) == ("console of i-2:", "no database", 16)
    assert Evidence(consoles={"i-1": "\n"}).last_words == ""


JOURNAL = """\
[    4.2] EXT4-fs (nvme0n1p1): mounted
2026-11-26T01:00:46+0000 i-1 shop[65]: Missing `secret_key_base` for 'production' environment
2026-11-26T01:00:47+0000 i-1 systemd[1]: shop.service: Main process exited, code=exited, status=1/F
2026-11-26T01:00:47+0000 i-1 systemd[1]: shop.service: Failed with result 'exit-code'.
"""


def told(cause: Cause, console: str = "", description: str = "", serving: str = "") -> Verdict:
    """The verdict on two servers, of which the second failed so."""
    serves, fails = (
        instance(name).model_copy(update={"tags": {"spotkiln:app": "shop"}})
        for name in ("i-1", "i-2")
    )
    evidence = Evidence(
        instances=(serves, fails),
        targets=(
            target("i-1"),
            target("i-2", "unhealthy").model_copy(update={"description": description}),
        ),
        consoles={"i-1": serving, "i-2": console},
    )
    verdict = Verdict(outcome=GateOutcome.FAILED, cause=cause, detail="sick", advice="")
    return with_known_cause(verdict, evidence, health_check())


def test_a_known_cause_is_read_from_a_servers_console() -> None:
    assert str(told(Cause.FAILING_CHECK, JOURNAL)) == (
        "failing check: sick. Cause: the setting SECRET_KEY_BASE is missing (Missing "
        "`secret_key_base` for 'production' environment). Add SECRET_KEY_BASE to the deployment's "
        "`configuration`, or to `environment` if it is no secret"
    )


UNSET = """\
2026-11-26T01:00:46+0000 i-1 shop-config[65]: config: missing: A; looked in /x/; nothing of shop \
starts here
2026-11-26T01:00:47+0000 i-1 systemd[1]: shop-config.service: Failed with result 'exit-code'.
"""


def test_a_machine_without_its_settings_speaks_against_no_image() -> None:
    found = told(Cause.FAILING_CHECK, UNSET)
    assert found.cause is Cause.MISCONFIGURED
    assert found.cause not in BLAMES_IMAGE
    assert "Cause: its settings A are missing" in found.advice


UNMOUNTED = """\
2026-11-26T01:00:46+0000 i-1 shop-mounts[65]: mounts: fs-1:/ could not be mounted at uploads; \
nothing of shop starts here
2026-11-26T01:00:47+0000 i-1 systemd[1]: shop-mounts.service: Failed with result 'exit-code'.
"""


def test_a_machine_without_its_file_system_speaks_against_no_image() -> None:
    found = told(Cause.FAILING_CHECK, UNMOUNTED)
    assert found.cause is Cause.MISCONFIGURED
    assert found.advice == (
        "It said: mounts: fs-1:/ could not be mounted at uploads; nothing of shop starts here"
    )


def test_the_status_that_aws_tells_counts_more_than_the_console() -> None:
    found = told(Cause.FAILING_CHECK, JOURNAL, "Health checks failed with these codes: [301]")
    assert "it sends the health check to HTTPS (/up was answered with 301" in found.advice


def test_what_is_not_known_or_not_the_images_fault_is_not_explained() -> None:
    assert told(Cause.FAILING_CHECK, "nothing known").advice == ""
    assert (
        told(Cause.FAILING_CHECK, "", "Health checks failed with these codes: [500]").advice == ""
    )
    assert told(Cause.OUTSIDE, JOURNAL).advice == ""
    # What one says that serves is no reason for another.
    assert told(Cause.FAILING_CHECK, "nothing known", serving=JOURNAL).advice == ""


def test_the_applications_own_lines_go_before_the_consoles() -> None:
    first, other = (
        instance(name).model_copy(update={"tags": {"spotkiln:app": "shop"}})
        for name in ("i-1", "i-2")
    )
    worker = JOURNAL.replace("shop[65]", "shop-worker[70]").replace("Missing", "No")
    found = Evidence(
        instances=(first, other),
        targets=(target("i-2"),),
        consoles={"i-0": "[ 1.0] boot", "i-1": JOURNAL + worker, "i-2": JOURNAL},
    )
    said = "`secret_key_base` for 'production' environment"
    assert found.own_words == {"i-1": f"Missing {said}\nNo {said}"}
    assert found.last_words == f"console of i-1:\nMissing {said}\nNo {said}"
