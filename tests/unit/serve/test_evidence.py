"""What is shown first of a failed fleet, and how much of its consoles."""

from spotkiln.serve.evidence import Evidence, failing_first, last_lines
from tests.unit.looks import INTERRUPTED, OWN_END
from tests.unit.nouns import instance, target


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
