"""Versions: what there is to go back to, and which one is meant."""

from datetime import UTC, datetime

import pytest

from spotkiln.errors import InputError
from spotkiln.image import Image
from spotkiln.tags import PREFIX
from spotkiln.versions import Version, choose, listing
from tests.unit import nouns

OLD, NEW = "aaaa" * 10, "aaab" * 10


def image(name: str, hour: int, commit: str = OLD, **tags: str) -> Image:
    when = datetime(2024, 5, 1, hour, tzinfo=UTC).isoformat(timespec="seconds")
    marks = {"state": "tested", "released": when, "commit": commit, **tags}
    return nouns.image(name).with_tags(**{f"{PREFIX}{key}": value for key, value in marks.items()})


def test_the_one_released_last_is_first() -> None:
    found = listing([image("ami-1", 9), image("ami-2", 11), image("ami-3", 10)], {"ami-3"})
    assert [one.image for one in found] == ["ami-2", "ami-3", "ami-1"]
    assert found[1] == Version(
        image="ami-3", commit=OLD, released=datetime(2024, 5, 1, 10, tzinfo=UTC), serving=True
    )
    assert str(found[1]) == (
        "ami-3 of commit aaaaaaaaaaaa, released 2024-05-01 10:00:00 UTC, serving"
    )


def test_what_is_no_version() -> None:
    assert not listing(
        [
            image("ami-1", 9, state="rejected"),
            image("ami-2", 9, state="candidate"),
            image("ami-3", 9).model_copy(update={"available": False}),
            image("ami-4", 9, released="yesterday"),
            nouns.image("ami-5", state="tested"),
        ],
        {"ami-1"},
    )


def test_a_time_without_zone_is_utc() -> None:
    [one] = listing([image("ami-1", 9, released="2024-05-01T09:00:00")], set())
    assert one.released == datetime(2024, 5, 1, 9, tzinfo=UTC)


KNOWN = listing(
    [
        image("ami-1", 9),
        image("ami-2", 10, NEW),
        image("ami-3", 11, NEW),
        image("ami-4", 12),
    ],
    {"ami-4"},
)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("", "ami-3"),
        ("previous", "ami-3"),
        ("ami-1", "ami-1"),
        ("ami-4", "ami-4"),
        ("aaab", "ami-3"),
        (NEW.upper(), "ami-3"),
        (OLD[:8], "ami-4"),
    ],
)
def test_chosen(wanted: str, found: str) -> None:
    assert choose(KNOWN, wanted, "blog").image == found


def test_the_previous_one_when_nothing_serves() -> None:
    idle = [one.model_copy(update={"serving": False}) for one in KNOWN]
    assert choose(idle, "", "blog").image == "ami-4"


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("ami-9", "blog has no version 'ami-9'; there are: ami-4 of commit"),
        ("ffff", "blog has no version 'ffff'; there are: ami-4 of commit"),
        ("aaa", "at least 4 characters of a commit or 'previous', got 'aaa'"),
    ],
)
def test_refused(wanted: str, said: str) -> None:
    with pytest.raises(InputError, match="ami-1 of commit") as raised:
        choose(KNOWN, wanted, "blog")
    assert said in str(raised.value)


def test_several_commits_that_begin_so() -> None:
    both = listing([image("ami-1", 9), image("ami-2", 10, "aaaac" * 8)], set())
    with pytest.raises(InputError, match="several commits begin with 'aaaa'; there are: ami-2"):
        choose(both, "aaaa", "blog")


def test_none_to_go_back_to() -> None:
    only = listing([image("ami-1", 9)], {"ami-1"})
    with pytest.raises(InputError, match="no earlier version to go back to; there are: ami-1"):
        choose(only, "", "blog")
