"""From when on an image of ours is deprecated."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotkiln import tags as t
from spotkiln.bake.image import Image
from spotkiln.bake.served import Served, text_of
from spotkiln.keep.deprecation import SOON, Dated, dates
from tests.unit import nouns
from tests.unit.nouns import START

NOW = START + timedelta(days=100)


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def version(deprecated: datetime | None = None, **served: float) -> Image:
    """It served each group from the first day until that one; 0: it serves it."""
    marks = {
        f"{t.SERVED}{group}": Served(since=START, until=day(end) if end else None).to_tag()
        for group, end in served.items()
    }
    made = nouns.image(state="tested", released=text_of(START)).with_tags(**marks)
    return made.model_copy(update={"deprecated": deprecated})


def dated(*images: Image, days: int = 30, in_use: set[str] | None = None) -> list[Dated]:
    return dates(images, days, in_use or set(), NOW)


def test_so_many_days_after_it_last_served() -> None:
    assert dated(version(website=90)) == [Dated(image="ami-1", when=day(120))]
    assert dated(version(website=90, staging=95)) == [Dated(image="ami-1", when=day(125))]
    assert dated(version(website=90, deprecated=day(120))) == []
    assert dated(version(website=90, deprecated=day(120)), days=60) == [
        Dated(image="ami-1", when=day(150))
    ]


def test_what_is_long_past_is_deprecated_at_once_and_stays_so() -> None:
    (one,) = dated(version(website=10))
    assert one.when is not None
    assert NOW < one.when <= NOW + SOON
    assert dated(version(website=10, deprecated=one.when)) == []
    assert dated(version(website=10, deprecated=day(40))) == []
    # A person's own date: earlier than the days say.
    assert dated(version(website=90, deprecated=day(95))) == [Dated(image="ami-1", when=day(120))]


@pytest.mark.parametrize("deprecated", [None, day(50), day(200)])
@pytest.mark.parametrize(
    ("image", "in_use"),
    [
        (version(website=0), set[str]()),
        (version(website=90, staging=0), set[str]()),
        (version(website=90), {"ami-1"}),
        (version(website=90).with_tags(**{t.KEEP: "for the audit"}), set[str]()),
    ],
)
def test_what_serves_or_is_kept_has_no_date(
    image: Image, in_use: set[str], deprecated: datetime | None
) -> None:
    found = dated(image.model_copy(update={"deprecated": deprecated}), in_use=in_use)
    assert found == ([Dated(image="ami-1")] if deprecated else [])


def test_what_has_never_served_is_its_release_s_affair() -> None:
    assert dated(nouns.image(state="candidate"), nouns.image(state="tested")) == []
    assert dated(version(website=10).model_copy(update={"available": False})) == []


@given(
    ends=st.lists(st.floats(0, 99), min_size=1, max_size=3),
    there=st.none() | st.floats(0, 400),
    days=st.integers(1, 300),
)
def test_what_is_written_is_in_the_future_and_written_once(
    ends: list[float], there: float | None, days: int
) -> None:
    served = {f"group-{n}": max(end, 0.01) for n, end in enumerate(ends)}
    deprecated = None if there is None else day(there).replace(second=0, microsecond=0)
    image = version(deprecated, **served)
    for one in dates([image], days, set(), NOW):
        assert one.when is not None
        assert one.when > NOW
        assert one.when >= day(max(served.values()) + days) - timedelta(minutes=1)
        again = image.model_copy(update={"deprecated": one.when})
        assert dates([again], days, set(), NOW) == []
        assert dates([again], days, set(), NOW + timedelta(days=500)) == []
