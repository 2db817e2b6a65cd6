"""Images: their tags, names and which of them go."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotkiln.image import (
    Image,
    ImageState,
    discardable,
    image_name,
    newest,
    release_of,
    superseded,
)
from tests.unit.nouns import COMMIT, RELEASE, START, image


def test_an_image_in_its_own_words() -> None:
    ours = image(state="tested", recipe="r1", inputs="base=ami-1")
    assert (ours.app, ours.commit, ours.release) == ("demo-web-app", COMMIT, RELEASE)
    assert (ours.recipe, ours.inputs, ours.state) == ("r1", "base=ami-1", ImageState.TESTED)


def test_a_foreign_image_has_no_state() -> None:
    foreign = image().model_copy(update={"name": "debian-12", "tags": {}})
    assert foreign.state is None
    assert (foreign.app, foreign.release, foreign.recipe) == ("", "", "")
    assert image(state="half-baked").state is None


def test_an_image_that_was_never_tagged_tells_its_release_by_its_name() -> None:
    assert image().model_copy(update={"tags": {}}).release == RELEASE
    assert release_of(image_name("a-b", COMMIT, "a-b-0123456789ab")) == "a-b-0123456789ab"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "rails-base 2024-05-01",
        "demo/c0ffeec0ffee/other-0123456789ab",
        "demo/c0ffeec0ffee/demo-0123456789ab-copy",
        "demo/main/demo-0123456789ab",
    ],
)
def test_other_names_tell_no_release(name: str) -> None:
    assert release_of(name) == ""


def test_with_tags_changes_a_copy() -> None:
    before = image(state="candidate")
    after = before.with_tags(**{"spotkiln:state": "tested"})
    assert (before.state, after.state) == (ImageState.CANDIDATE, ImageState.TESTED)
    assert after.release == RELEASE


def test_names_are_chosen_before_the_bake_and_fit_ec2() -> None:
    assert image_name("demo", COMMIT, RELEASE) == f"demo/c0ffeec0ffee/{RELEASE}"
    longest = "a" * 32
    name = image_name(longest, COMMIT, f"{longest}-0123456789ab")
    assert name.endswith("-0123456789ab")
    assert len(name) <= 128


def test_newest() -> None:
    old, new = image("ami-old", age_hours=1), image("ami-new")
    assert newest([old, new]) == newest([new, old]) == new
    assert newest([]) is None
    twins = [image("ami-a"), image("ami-b")]
    assert newest(twins) == newest(twins[::-1])


def released(name: str, hours: float) -> Image:
    when = START + timedelta(hours=hours)
    return image(name, released=when.isoformat(timespec="seconds"))


def test_superseded_are_the_oldest_released() -> None:
    one, two, three = (released(f"ami-{n}", n) for n in range(3))
    assert superseded([two, three, one], 1, set()) == [two, one]
    assert superseded([two, three, one], 3, set()) == []


def test_superseded_spares_what_is_in_use_and_what_was_never_released() -> None:
    one, two, three = (released(f"ami-{n}", n) for n in range(3))
    candidate = image("ami-candidate", state="candidate")
    assert superseded([candidate, one, two, three], 1, {"ami-0"}) == [two]


def test_undoing_a_release_takes_what_it_baked_and_what_was_rejected() -> None:
    baked = image("ami-baked", state="candidate")
    rejected = image("ami-rejected", release="another", state="rejected")
    stays = [
        image("ami-reused", release="another", state="tested"),
        image("ami-kept", state="rejected", keep="rejected"),
        image("ami-serving", state="rejected"),
    ]
    found = discardable([baked, *stays, rejected], RELEASE, {"ami-serving"})
    assert found == [baked, rejected]


@given(
    st.lists(st.tuples(st.integers(0, 99), st.booleans(), st.booleans()), max_size=12),
    st.integers(1, 5),
)
def test_superseded_always_leaves_enough(rows: list[tuple[int, bool, bool]], keep: int) -> None:
    images = [
        released(f"ami-{n}", hours) if was_released else image(f"ami-{n}")
        for n, (hours, was_released, _) in enumerate(rows)
    ]
    in_use = {f"ami-{n}" for n, (_, _, used) in enumerate(rows) if used}
    gone = superseded(images, keep, in_use)
    released_ones = [one for one in images if "spotkiln:released" in one.tags]
    assert not {one.id for one in gone} & in_use
    assert all(one in released_ones for one in gone)
    assert len(released_ones) - len(gone) >= min(keep, len(released_ones))
