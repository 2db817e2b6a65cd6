"""Versions: what there is to go back to, and which one is meant."""

from datetime import UTC, datetime

import pytest

from spotkiln.bake.image import Image
from spotkiln.errors import InputError
from spotkiln.keep.versions import CURRENT, Version, choose, listing
from spotkiln.serve.fleet import Fleet
from spotkiln.tags import PREFIX
from tests.unit import nouns

OLD, NEW = "aaaa" * 10, "aaab" * 10


def image(name: str, hour: int, commit: str = OLD, ended: str = "", **tags: str) -> Image:
    when = datetime(2024, 5, 1, hour, tzinfo=UTC).isoformat(timespec="seconds")
    marks = {"state": "tested", "released": when, "commit": commit}
    marks |= {"served/website": f"{when} {ended}".strip(), **tags}
    return nouns.image(name).with_tags(**{f"{PREFIX}{key}": value for key, value in marks.items()})


def serving(image: str) -> Fleet:
    made = nouns.fleet()
    return made.model_copy(update={"tags": {**made.tags, f"{PREFIX}image": image}})


def known(*images: Image, now: str = "", group: str = "website") -> list[Version]:
    return listing(images, group, serving(now) if now else None)


LATER = "2024-05-01T12:00:00+00:00"


def test_the_one_released_last_is_first() -> None:
    found = known(image("ami-1", 9), image("ami-2", 11), image("ami-3", 10), now="ami-3")
    assert [one.image for one in found] == ["ami-2", "ami-3", "ami-1"]
    assert found[1] == Version(
        image="ami-3", commit=OLD, released=datetime(2024, 5, 1, 10, tzinfo=UTC), serving=True
    )
    assert str(found[1]) == (
        "ami-3 of commit aaaaaaaaaaaa, released 2024-05-01 10:00:00 UTC, serving"
    )


def test_what_is_remarkable_is_told() -> None:
    suspect = f"{LATER} website: crashing"
    [one] = known(image("ami-1", 9, ended=f"{LATER} left", suspect=suspect))
    assert one.until == datetime(2024, 5, 1, 12, tzinfo=UTC)
    assert (one.left, one.suspect) == (True, suspect)
    assert str(one).endswith(f"UTC (left by a rollback; suspect: {suspect})")


def test_what_serves_again_has_not_ended() -> None:
    """Its tag still tells of the time before."""
    [one] = known(image("ami-1", 9, ended=LATER), now="ami-1")
    assert (one.serving, one.until) == (True, None)


def test_what_is_no_version() -> None:
    assert not known(
        image("ami-1", 9, state="candidate"),
        image("ami-2", 9).model_copy(update={"available": False}),
        image("ami-3", 9, released="yesterday", **{"served/website": "yesterday"}),
        nouns.image("ami-4", state="tested"),
        now="ami-1",
    )


def test_a_target_group_has_what_served_it() -> None:
    """Staging and production share images by name: what only staging had is no version of
    production's."""
    images = [
        image("ami-1", 9, **{"served/production": LATER}),
        image("ami-2", 11),
        image("ami-3", 10, **{"served/website": ""}).with_tags(**{f"{PREFIX}target-group": "x"}),
    ]
    assert [one.image for one in known(*images)] == ["ami-2", "ami-1"]
    assert [one.image for one in known(*images, group="production")] == ["ami-1"]


def test_what_was_released_before_images_told_where_is_a_version_of_what_it_was_baked_for() -> None:
    old = nouns.image("ami-1", state="tested", released="2024-05-01T09:00:00")
    [one] = known(old)
    assert (one.released, one.until) == (datetime(2024, 5, 1, 9, tzinfo=UTC), None)
    assert known(old, group="production") == []


def test_a_version_that_was_rejected_once_is_one() -> None:
    [one] = known(image("ami-1", 9, state="rejected"))
    assert one.suspect == "rejected"


KNOWN = known(
    image("ami-1", 9),
    image("ami-2", 10, NEW),
    image("ami-3", 11, NEW),
    image("ami-4", 12),
    now="ami-4",
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
        ("aaa", "at least 4 characters of a commit, 'previous' or 'current', got 'aaa'"),
    ],
)
def test_refused(wanted: str, said: str) -> None:
    with pytest.raises(InputError, match="ami-1 of commit") as raised:
        choose(KNOWN, wanted, "blog")
    assert said in str(raised.value)


def test_previous_goes_further_back_and_never_forth() -> None:
    """Rolled back from ami-4 by way of ami-3, which nobody may take but by its name."""
    found = known(
        image("ami-1", 8),
        image("ami-2", 14),
        image("ami-3", 10, NEW, ended=f"{LATER} left"),
        image("ami-4", 11, NEW, ended=f"{LATER} left"),
        now="ami-2",
    )
    assert choose(found, "", "blog").image == "ami-1"
    assert choose(found, "ami-3", "blog").image == "ami-3"
    last = [one for one in found if one.image != "ami-1"]
    with pytest.raises(InputError, match=r"no earlier version.*only by its name.*left by a rollb"):
        choose(last, "previous", "blog")


def test_previous_prefers_what_is_not_suspect() -> None:
    doubtful = image("ami-2", 10, suspect="2024-05-01T11:00:00+00:00 website: crashing")
    found = known(image("ami-1", 9), doubtful, image("ami-3", 12), now="ami-3")
    assert choose(found, "", "blog").image == "ami-1"
    assert choose(found, "ami-2", "blog").image == "ami-2"
    assert choose(found[:2], "", "blog").image == "ami-2"


def test_several_commits_that_begin_so() -> None:
    both = known(image("ami-1", 9), image("ami-2", 10, "aaaac" * 8))
    with pytest.raises(InputError, match="several commits begin with 'aaaa'; there are: ami-2"):
        choose(both, "aaaa", "blog")


def test_none_to_go_back_to() -> None:
    only = known(image("ami-1", 9), now="ami-1")
    with pytest.raises(InputError, match="no earlier version to go back to; there are: ami-1"):
        choose(only, "", "blog")
    with pytest.raises(InputError, match="no earlier version to go back to; there are: none"):
        choose([], "", "blog")


def test_current_is_what_serves_whatever_was_released_last() -> None:
    found = known(image("ami-1", 9), image("ami-2", 11), now="ami-1")
    assert choose(found, CURRENT, "shop").image == "ami-1"
    with pytest.raises(InputError, match="nothing of shop serves that could be restarted; there"):
        choose(known(image("ami-1", 9)), CURRENT, "shop")
