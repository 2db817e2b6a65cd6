"""The table of an application's releases."""

import json

from spotkiln.keep.preview import group_name
from spotkiln.release.release import Outcome
from spotkiln.release.trigger import Trigger
from spotkiln.serve.price import Cost
from spotkiln.show.table import MOST_ROWS, row, with_release
from tests.unit import nouns
from tests.unit.nouns import RELEASE
from tests.unit.show.test_page import release

PREVIEW = "http://feature-login.preview.example.com:8080"


def test_a_release_is_one_row() -> None:
    told = release(
        trigger=Trigger(kind="push", by="alice"),
        run="01234567-89ab",
        url="http://prefect/runs/1",
        cost=Cost(per_hour=0.02),
        image=nouns.image(),
        fleet=nouns.fleet(),
    )
    assert row(told) == {
        "started": "2024-05-01 12:00:00 UTC",
        "what": "release",
        "target group": "website",
        "ref": "v2",
        "commit": "c0ffeec0ffee",
        "trigger": "push (alice)",
        "outcome": "released",
        "seconds": 61.0,
        "usd_per_hour": 0.02,
        "page": "[01234567](http://prefect/runs/1)",
        "image": "ami-1",
        "fleet": "sfr-1",
        "release": RELEASE,
        "cause": "",
    }
    # The UI shows the columns in this order: a phone the first two, 1280 pixels the first four. The
    # longest hides no other.
    assert list(row(told))[:4] == ["outcome", "what", "target group", "started"]
    assert list(row(told))[-1] == "cause"


def test_a_rollback_says_to_what() -> None:
    back = release(back_to="2024-05-01 12:00:00 UTC")
    assert row(back)["what"] == "rollback to c0ffeec0ffee"
    again = back.model_copy(update={"restarted": True})
    assert row(again)["what"] == "restart of c0ffeec0ffee"


def test_a_preview_says_of_which_branch() -> None:
    there = release(target_group=group_name("shop", "feature/login"), address=PREVIEW)
    assert row(there)["what"] == "preview feature-login.preview.example.com"


def test_one_that_made_nothing_and_that_prefect_knows_no_page_of() -> None:
    told = row(release(outcome=Outcome.FAILED, run="local", cause="no such ref", commit=""))
    assert (told["page"], told["image"], told["fleet"], told["commit"]) == ("local", "", "", "")
    assert (told["usd_per_hour"], told["cause"]) == (None, "no such ref")


def test_what_others_wrote_makes_no_markup() -> None:
    told = row(release(ref="[x](http://evil)", cause="<img src=x>"))
    assert "](http://evil)" not in told["ref"]
    assert "<img" not in told["cause"]


def test_the_newest_comes_first_and_the_oldest_go() -> None:
    rows: list[dict[str, object]] = []
    for n in range(MOST_ROWS + 5):
        rows = with_release(rows, release(id=f"demo-{n}"))
    assert [one["release"] for one in rows] == [f"demo-{n}" for n in range(MOST_ROWS + 4, 4, -1)]


def test_one_that_is_written_again_is_one_row() -> None:
    """The first time Prefect kept the table, and its answer was lost."""
    told = release(cost=Cost(per_hour=0.02))
    kept = json.loads(json.dumps(with_release([row(release(id="demo-0"))], told)))
    assert with_release(kept, told) == kept
    # The same run once more, by a person: that is another one.
    again = release(outcome=Outcome.FAILED)
    assert with_release(kept, again) == [row(again), *kept]
