"""What an image's tag says of the target group that it served."""

from datetime import UTC, datetime

import pytest

from spotkiln import tags as t
from spotkiln.bake.served import Served
from tests.unit.nouns import START, image

NOON = "2024-05-01T12:00:00.000+00:00"
ONE = "2024-05-01T13:00:00.000+00:00"


@pytest.mark.parametrize("value", [NOON, f"{NOON} {ONE}", f"{NOON} {ONE} left"])
def test_it_is_read_as_it_was_written(value: str) -> None:
    served = Served.from_tag(value)
    assert served is not None
    assert served.to_tag() == value
    assert served.since == START


@pytest.mark.parametrize("value", ["", "yesterday", "left"])
def test_what_cannot_be_read_is_nothing(value: str) -> None:
    assert Served.from_tag(value) is None
    assert image().with_tags(**{f"{t.SERVED}website": value}).served == {}


def test_a_time_without_zone_is_utc() -> None:
    served = Served.from_tag("2024-05-01T09:00:00")
    assert served is not None
    assert served.since == datetime(2024, 5, 1, 9, tzinfo=UTC)


def test_an_image_with_older_tags_served_what_it_was_baked_for() -> None:
    old = image(released="2024-05-01T12:00:00+00:00")
    assert old.served == {"website": Served(since=START)}
    told = old.with_tags(**{f"{t.SERVED}production": ONE})
    assert told.served.keys() == {"production"}
