"""DORA's four, and what was saved: from the runs of an application."""

from datetime import timedelta
from typing import Any
from xml.etree import ElementTree

import pytest

from spotkiln.markup import plain
from spotkiln.release.release import Outcome
from spotkiln.release.result import Kind
from spotkiln.show.chart import chart, page
from spotkiln.show.figures import Deed, Figures, lasted, reckon, row
from tests.unit.nouns import START

NOW = START + timedelta(days=20)
SVG = "{http://www.w3.org/2000/svg}"


def deed(hours: float, kind: Kind = Kind.RELEASE, **more: Any) -> Deed:
    """One that serves so many hours after the start; committed an hour before."""
    served = START + timedelta(hours=hours)
    given = {
        "kind": kind, "outcome": Outcome.RELEASED, "served": served,
        "ended": served + timedelta(minutes=10), "committed": served - timedelta(hours=1),
    }  # fmt: skip
    return Deed.model_validate({**given, **more})


def figures(*deeds: Deed, days: int = 30) -> Figures:
    return reckon("shop", deeds, NOW, days)


def test_nothing_has_no_figures() -> None:
    found = figures()
    assert found == Figures(name="shop", days=30, until=NOW)
    assert found.failure_ratio is None
    assert row(found) == ("shop", "0", "0.0", "", "", "", "0", "")


def test_how_often_and_how_long_from_commit_to_serving() -> None:
    slow = deed(3, committed=START - timedelta(hours=6))
    unknown = deed(4, committed=None)
    found = figures(deed(1), deed(2), slow, unknown, days=28)
    assert (found.releases, found.per_week) == (4, 1.0)
    assert found.lead_seconds == 3600  # The middle of 1, 1 and 9 hours.


def test_what_a_rollback_left_has_failed_and_is_restored_when_it_serves() -> None:
    found = figures(deed(1), deed(2), deed(2.5, Kind.ROLLBACK), deed(10))
    assert (found.releases, found.failed, found.rollbacks) == (3, 1, 1)
    assert found.failure_ratio == pytest.approx(1 / 3)
    assert found.restored_seconds == 1800


def test_a_second_rollback_in_a_row_is_no_other_failure() -> None:
    found = figures(deed(1), deed(2), deed(3, Kind.ROLLBACK), deed(4, Kind.ROLLBACK))
    assert (found.failed, found.rollbacks, found.restored_seconds) == (1, 2, 3600)


def test_a_restart_is_neither_a_release_nor_a_restoration() -> None:
    found = figures(deed(1), deed(2), deed(3, Kind.RESTART), deed(4, Kind.ROLLBACK))
    assert (found.releases, found.failed, found.rollbacks) == (2, 1, 1)
    assert found.restored_seconds == 7200


@pytest.mark.parametrize(
    ("outcome", "stopped"),
    [
        (Outcome.FAILED, 1), (Outcome.ROLLED_BACK, 1), (Outcome.UNCHANGED, 0),
        (Outcome.SUPERSEDED, 0), (Outcome.DECLINED, 0), (Outcome.CANCELLED, 0),
    ],
)  # fmt: skip
def test_what_never_served_is_no_release(outcome: Outcome, stopped: int) -> None:
    found = figures(deed(1, outcome=outcome, served=None))
    assert (found.releases, found.stopped, found.failed) == (0, stopped, 0)


def test_only_the_wanted_days_count() -> None:
    assert figures(deed(1), deed(24 * 18), days=7).releases == 1


def test_what_is_saved_counts_while_each_served() -> None:
    cheap: dict[str, Any] = {"usd_per_hour": 0.25, "usd_on_demand": 1.0}
    found = figures(
        deed(0, **cheap), deed(10), deed(20, Kind.ROLLBACK, usd_per_hour=0.5, usd_on_demand=1.0)
    )
    # 10 hours at 0.75; then a price that nobody knows; then 460 hours at 0.5.
    assert found.saved_usd == pytest.approx(7.5 + 230)
    assert found.saved_since == START
    assert row(found)[-1] == "237.50 USD since 2024-05-01"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, ""), (0, "0 s"), (119, "119 s"), (120, "2.0 min"), (7199, "120.0 min"),
        (7200, "2.0 h"), (172800, "2.0 d"),
    ],
)  # fmt: skip
def test_times_are_told_for_people(seconds: float | None, words: str) -> None:
    assert lasted(seconds) == words


def test_the_picture_has_a_bar_for_each_and_says_it_in_words() -> None:
    one, other = figures(deed(1), deed(2)), reckon("<blog>", [deed(1)], NOW)
    svg = ElementTree.fromstring(chart([one, other]))
    words = [x.text or "" for x in svg.iter(f"{SVG}text")]
    assert {"shop", "<blog>"} <= set(words)
    bars = [x for x in svg.iter(f"{SVG}rect") if x.attrib.get("class") == "done"]
    assert float(bars[0].attrib["width"]) == pytest.approx(2 * float(bars[1].attrib["width"]))
    assert "prefers-color-scheme:dark" in chart([one])


def test_the_page_has_the_picture_and_the_table() -> None:
    text = page([figures(deed(1))])
    assert "data:image/svg+xml;base64," in text
    assert all(plain(cell) in text for cell in ("shop", "60.0 min", "0 (0 %)"))
    assert "until 2024-05-21" in text
    assert "No application" in page([])
