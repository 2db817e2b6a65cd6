"""Which requests of the load belong to a scene, and when a scene has failed."""

from typing import Any

import pytest

from rehearsal.load import problem_of
from rehearsal.seen import End
from rehearsal.stage import Played, judge
from rehearsal.traffic import Traffic, between


def tally(*failures: tuple[float, str], seconds: int = 20) -> dict[str, Any]:
    """Two requests a second from 1000 on."""
    by_second = {str(one): [2, 0] for one in range(seconds)}
    for at, _ in failures:
        by_second[str(int(at))][1] += 1
    return {
        "start": 1000.0,
        "failed": len(failures),
        "failures": [{"at": at, "path": "/", "problem": problem} for at, problem in failures],
        "by_second": by_second,
    }


def test_only_what_was_sent_in_a_scene_is_its_own() -> None:
    found = between(tally((3.0, "HTTP 500"), (7.5, "HTTP 502"), (15.0, "HTTP 500")), 1005, 1009.5)
    assert found == Traffic(sent=10, failed=1, why=("/: HTTP 502 (1)",), last=2.5)


def test_the_most_frequent_reasons_come_first() -> None:
    found = between(tally((1, "HTTP 500"), (2, "HTTP 502"), (3, "HTTP 502")), 1000, 1019)
    assert found.why == ("/: HTTP 502 (2)", "/: HTTP 500 (1)")


def test_more_failures_than_are_told_in_words_are_counted() -> None:
    many = tally(*[(float(second), "HTTP 500") for second in range(10)])
    many["failures"] = many["failures"][:4]
    assert between(many, 1000, 1019).failed == 10


def test_failures_that_are_counted_and_not_told_fail_a_scene() -> None:
    many = tally(*[(float(second), "HTTP 500") for second in range(10)])
    many["failures"] = many["failures"][:4]
    found = between(many, 1006, 1019)
    assert found.failed == 4
    assert judge("x", 13, Played(), found).end is End.FAILED


@pytest.mark.parametrize(
    ("last", "tolerated", "end"),
    [
        (None, 0.0, End.WELL),
        (3.0, 0.0, End.FAILED),
        (3.0, 10.0, End.WELL),
        (11.0, 10.0, End.FAILED),
    ],
)
def test_a_scene_fails_by_what_fails_after_what_is_tolerated(
    last: float | None, tolerated: float, end: End
) -> None:
    traffic = Traffic(sent=10, failed=0 if last is None else 1, last=last)
    assert judge("x", 20, Played(tolerated=tolerated), traffic).end is end


@pytest.mark.parametrize(
    ("status", "expected", "problem"),
    [
        (200, 200, ""),
        (302, 302, ""),
        (404, 404, ""),
        (500, 200, "HTTP 500, at rest 200"),
        (404, 200, "HTTP 404, at rest 200"),
        (200, None, ""),
        (304, None, ""),
        (404, None, "HTTP 404"),
    ],
)
def test_what_a_page_answers_under_load_is_what_it_answered_at_rest(
    status: int, expected: int | None, problem: str
) -> None:
    assert problem_of(status, expected) == problem
