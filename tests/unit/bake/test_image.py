"""Images: their tags, names and which of them go."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotkiln import tags as t
from spotkiln.bake.image import (
    Image,
    ImageState,
    blame,
    discardable,
    newest,
    superseded,
)
from spotkiln.bake.image_name import image_name, release_of
from spotkiln.bake.served import text_of
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


def served(name: str, hours: float, *groups: str, **tags: str) -> Image:
    """It served these target groups, and was released, so many hours after the start."""
    since = text_of(START + timedelta(hours=hours))
    marks = {f"{t.SERVED}{group}": since for group in groups or ("website",)}
    given = {f"{t.PREFIX}{key}": value for key, value in tags.items()}
    return image(name, released=since).with_tags(**marks, **given)


def legacy(name: str, hours: float) -> Image:
    """From the time before images told which target group they served."""
    return image(name, released=(START + timedelta(hours=hours)).isoformat(timespec="seconds"))


def gone(images: list[Image], keep: int, in_use: set[str], group: str = "website") -> list[str]:
    return [one.id for one in superseded(images, group, keep, in_use).discard]


def test_superseded_are_those_that_served_longest_ago() -> None:
    one, two, three = (served(f"ami-{n}", n) for n in range(3))
    assert gone([two, three, one], 1, set()) == ["ami-1", "ami-0"]
    assert gone([two, three, one], 3, set()) == []


def test_superseded_counts_what_has_older_tags_for_the_group_that_it_was_baked_for() -> None:
    images = [legacy("ami-0", 0), served("ami-1", 1), served("ami-2", 2)]
    assert gone(images, 2, set()) == ["ami-0"]
    assert gone(images, 2, set(), "staging") == []


def test_superseded_spares_what_is_in_use_what_never_served_and_what_somebody_keeps() -> None:
    one, two, three = (served(f"ami-{n}", n) for n in range(3))
    candidate = image("ami-candidate", state="candidate")
    kept = served("ami-kept", -1, keep="for the audit")
    assert gone([candidate, kept, one, two, three], 1, {"ami-0"}) == ["ami-1"]


def test_each_target_group_counts_for_itself() -> None:
    both = served("ami-both", 0, "staging", "production")
    staged = [served(f"ami-{n}", n, "staging") for n in (1, 2, 3)]
    found = superseded([both, *staged], "staging", 2, set())
    assert [one.id for one in found.discard] == ["ami-1"]
    assert [one.id for one in found.forget] == ["ami-both"]
    # Staging has forgotten it: now production decides alone.
    production = both.model_copy(
        update={"tags": {k: v for k, v in both.tags.items() if k != f"{t.SERVED}staging"}}
    )
    newer = [served(f"ami-{n}", n, "production") for n in (4, 5)]
    assert gone([production, *newer], 3, set(), "production") == []
    assert gone([production, *newer], 2, set(), "production") == ["ami-both"]


def test_undoing_a_release_takes_only_what_it_baked_itself_and_never_served() -> None:
    baked = image("ami-baked", state="candidate")
    rejected = image("ami-rejected", state="rejected")
    stays = [
        image("ami-elsewhere", release="another", state="rejected"),
        image("ami-kept", state="rejected", keep="rejected"),
        image("ami-serving", state="rejected"),
        served("ami-version", 0, state="tested"),
        legacy("ami-legacy", 0),
        image("ami-told", state="tested").with_tags(**{f"{t.SERVED}staging": "2024-05-01"}),
    ]
    found = discardable([baked, *stays, rejected], RELEASE, {"ami-serving"})
    assert found == [baked, rejected]


def test_what_has_served_is_suspect_and_a_candidate_is_rejected() -> None:
    when = START + timedelta(hours=1)
    version, candidate = served("ami-1", 0, state="tested"), image("ami-2", state="tested")
    assert blame(candidate, when, "website", "crashing", keep=False) == {t.STATE: "rejected"}
    assert blame(candidate, when, "website", "crashing", keep=True) == {
        t.STATE: "rejected", t.KEEP: "rejected",
    }  # fmt: skip
    marks = blame(version, when, "website", "failing check:\n502 " + "x" * 300, keep=True)
    assert marks.keys() == {t.SUSPECT}
    assert marks[t.SUSPECT].startswith("2024-05-01T13:00:00.000+00:00 website: failing check: 502")
    assert len(marks[t.SUSPECT]) == 256
    blamed = version.with_tags(**marks)
    assert blamed.suspect == marks[t.SUSPECT]
    assert blamed.state is ImageState.TESTED


def test_who_passed_the_gate_again_is_no_longer_suspect() -> None:
    mark = f"{text_of(START)} website: crashing"
    assert served("ami-1", -1, suspect=mark).suspect == mark
    assert served("ami-1", 1, suspect=mark).suspect == ""
    assert served("ami-1", -1).suspect == ""


def test_a_version_that_an_older_release_rejected_is_suspect() -> None:
    assert legacy("ami-1", 0).with_tags(**{t.STATE: "rejected"}).suspect == "rejected"
    assert image("ami-2", state="rejected").suspect == ""


GROUPS = ("staging", "production", "website")


@given(
    st.lists(
        st.tuples(
            st.dictionaries(st.sampled_from(GROUPS), st.integers(0, 99)),
            st.booleans(),
            st.booleans(),
            st.booleans(),
        ),
        max_size=12,
    ),
    st.lists(st.tuples(st.sampled_from(GROUPS), st.integers(1, 5)), max_size=9),
)
def test_whoever_prunes_nothing_goes_that_serves_or_that_a_target_group_keeps(
    rows: list[tuple[dict[str, int], bool, bool, bool]], pruned: list[tuple[str, int]]
) -> None:
    """Each prunes with its own number of versions, in any order and as often as it likes."""
    images = {}
    for n, (hours, legacy_, kept, _) in enumerate(rows):
        since = {g: text_of(START + timedelta(hours=h)) for g, h in hours.items()}
        one = image(f"ami-{n}").with_tags(**({t.KEEP: "yes"} if kept else {}))
        if legacy_ or since:
            one = one.with_tags(**{t.RELEASED: max([*since.values(), text_of(START)])})
        images[one.id] = one.with_tags(**{f"{t.SERVED}{g}": when for g, when in since.items()})
    first = dict(images)
    in_use = {f"ami-{n}" for n, (_, _, _, used) in enumerate(rows) if used}
    fewest = {group: min((n for g, n in pruned if g == group), default=99) for group in GROUPS}
    for group, keep in pruned:
        found = superseded(images.values(), group, keep, in_use)
        for one in found.discard:
            del images[one.id]
        for one in found.forget:
            left = {k: v for k, v in one.tags.items() if k != f"{t.SERVED}{group}"}
            images[one.id] = one.model_copy(update={"tags": left})
    for one in first.values():
        if one.id in in_use or one.kept or not one.served:
            assert images.get(one.id) == one
    for group, keep in fewest.items():
        newest_first = sorted(
            (x for x in first.values() if group in x.served),
            key=lambda x: (x.served[group].since, x.id),
            reverse=True,
        )
        for one in newest_first[:keep]:
            assert group in images[one.id].served
