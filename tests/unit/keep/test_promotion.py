"""What images are told once another fleet serves a target group."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from spotkiln import tags as t
from spotkiln.bake.image import Image
from spotkiln.bake.served import text_of
from spotkiln.keep.promotion import MOST_GROUPS, marks, recorded, unrecorded
from spotkiln.serve.fleet import Fleet, Phase
from tests.unit import nouns
from tests.unit.nouns import GROUP, OTHER_GROUP, START


def at(hour: float) -> datetime:
    return START + timedelta(hours=hour)


def fleet(n: int, image: str, *, group: str = GROUP, held: str = "", **changes: object) -> Fleet:
    """Promoted `n` hours after the start."""
    made = nouns.fleet(f"sfr-{n}", target_groups=(group,), **changes)
    tags = {**made.tags, t.IMAGE: image, t.PROMOTED: text_of(at(n))}
    return made.model_copy(update={"tags": tags | ({t.HELD: held} if held else {})})


def version(name: str, commit: str, **tags: str) -> Image:
    given = {f"{t.PREFIX}{key}": value for key, value in tags.items()}
    return nouns.image(name, state="tested", commit=commit).with_tags(**given)


def told(
    images: Sequence[Image], fleets: Sequence[Fleet], group: str = "website"
) -> dict[str, str]:
    """What each image says of that group once all is written down."""
    after = recorded(images, fleets, group)
    return {x.id: x.tags[key] for x in after if (key := f"{t.SERVED}{group}") in x.tags}


def test_the_first_promotion() -> None:
    [mark] = marks([version("ami-1", "aa")], [fleet(1, "ami-1")], "website")
    assert (mark.image, mark.forget) == ("ami-1", ())
    assert mark.tags == {f"{t.SERVED}website": text_of(at(1)), t.RELEASED: text_of(at(1))}


def test_what_served_before_is_told_that_it_ended_and_what_serves_comes_last() -> None:
    images = recorded(
        [version("ami-2", "aa"), version("ami-1", "bb")], [fleet(1, "ami-2")], "website"
    )
    found = marks(images, [fleet(1, "ami-2"), fleet(2, "ami-1")], "website")
    assert [one.image for one in found] == ["ami-2", "ami-1"]
    assert found[0].tags == {f"{t.SERVED}website": f"{text_of(at(1))} {text_of(at(2))}"}


def test_stopped_on_the_way_it_is_finished_later() -> None:
    """Whatever was written of it: the same comes of it, also the fleet's of a rollback."""
    images = [version(f"ami-{n}", f"{n}" * 12) for n in (1, 2, 3)]
    fleets = [fleet(1, "ami-1"), fleet(2, "ami-2"), fleet(3, "ami-3")]
    images = recorded(images, fleets, "website")
    fleets.append(fleet(4, "ami-1", held="333333333333 222222222222"))
    whole = {x.id: x.tags for x in recorded(images, fleets, "website")}
    todo = marks(images, fleets, "website")
    assert len(todo) == 3
    for done in range(len(todo) + 1):
        known = {x.id: x for x in images}
        for mark in todo[:done]:
            known[mark.image] = known[mark.image].with_tags(**mark.tags)
        assert bool(unrecorded(known.values(), fleets, "website")) == (done < len(todo))
        assert {x.id: x.tags for x in recorded(known.values(), fleets, "website")} == whole


def test_a_rollback_tells_all_that_served_later_that_they_were_left() -> None:
    images = [version(f"ami-{n}", f"{n}" * 12) for n in (1, 2, 3)]
    fleets = [fleet(n, f"ami-{n}") for n in (1, 2, 3)]
    back = fleet(4, "ami-1", held="333333333333 222222222222")
    found = told(images, [*fleets, back])
    assert found == {
        "ami-1": text_of(at(4)),
        "ami-2": f"{text_of(at(2))} {text_of(at(3))} left",
        "ami-3": f"{text_of(at(3))} {text_of(at(4))} left",
    }
    # Promoted again, it is a version like any other.
    forth = fleet(5, "ami-3")
    again = told(images, [*fleets, back, forth])
    assert again["ami-3"] == text_of(at(5))
    assert again["ami-1"] == f"{text_of(at(4))} {text_of(at(5))}"


def test_an_older_image_of_a_held_commit_was_not_left() -> None:
    """The night had baked one commit three times; a rollback goes to the second."""
    images = [version(f"ami-{n}", "c" * 12) for n in (1, 2, 3)]
    fleets = [fleet(n, f"ami-{n}") for n in (1, 2, 3)]
    found = told(images, [*fleets, fleet(4, "ami-2", held="c" * 12)])
    assert not found["ami-1"].endswith("left")
    assert found["ami-3"].endswith("left")


def test_a_hold_that_was_lifted_has_left_the_same() -> None:
    images = recorded([version("ami-1", "a" * 12), version("ami-2", "b" * 12)],
                      [fleet(1, "ami-1"), fleet(2, "ami-2")], "website")  # fmt: skip
    back = fleet(3, "ami-1", held=f"lifted {'b' * 12}")
    assert back.held == ()
    assert told(images, [back])["ami-2"].endswith("left")


def test_each_target_group_is_told_for_itself() -> None:
    """Staging's image goes on to production, then another to staging."""
    images = [version("ami-1", "aa"), version("ami-2", "bb")]
    staging = [fleet(1, "ami-1"), fleet(3, "ami-2")]
    production = [fleet(2, "ami-1", group=OTHER_GROUP)]
    images = recorded(images, [*staging, *production], "website")
    images = recorded(images, [*staging, *production], "other")
    one = images[0].served
    assert (one["website"].until, one["other"].until) == (at(3), None)
    assert images[0].tags[t.RELEASED] == text_of(at(2))
    assert images[1].served.keys() == {"website"}


def test_what_older_tags_tell_is_not_lost() -> None:
    """Both were released before there were such tags; staging's goes on to production, where a
    fleet from that time serves an image that was baked for staging."""
    staged = version("ami-1", "aa", released="2024-05-01T06:00:00+00:00")
    serves = version("ami-0", "bb", released="2024-05-01T05:00:00+00:00")
    old = nouns.fleet("sfr-0", target_groups=(OTHER_GROUP,))
    old = old.model_copy(update={"tags": {**old.tags, t.IMAGE: "ami-0"}})
    images = recorded([staged, serves], [old, fleet(1, "ami-1", group=OTHER_GROUP)], "other")
    found = {x.id: {g: (s.since, s.until) for g, s in x.served.items()} for x in images}
    assert found == {
        "ami-1": {"website": (at(-6), None), "other": (at(1), None)},
        "ami-0": {"website": (at(-7), None), "other": (START, at(1))},
    }


def test_one_that_is_forgotten_stays_forgotten() -> None:
    """Pruned for this group, kept by another: its fleet is listed for two days more."""
    old = fleet(1, "ami-1", phase=Phase.RETIRING, state="cancelled")
    image = version("ami-1", "aa", released=text_of(at(2)))
    image = image.with_tags(**{f"{t.SERVED}other": text_of(at(2))})
    assert unrecorded([image], [old], "website") == []
    assert marks([image], [old], "website") == []


def test_an_image_tells_of_no_more_groups_than_it_can_hold() -> None:
    ended = {
        f"served/g{n:02}": f"{text_of(at(n))} {text_of(at(n + 1))}" for n in range(MOST_GROUPS)
    }
    image = version("ami-1", "aa", released=text_of(at(1)), **ended)
    [mark] = marks([image], [fleet(90, "ami-1")], "website")
    assert mark.forget == (f"{t.SERVED}g00",)
    assert len(image.tags) + len(mark.tags) - len(mark.forget) - 1 < 50


promoted = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from([GROUP, OTHER_GROUP]), st.booleans()), max_size=8
)


@given(promoted, st.data())
def test_exactly_what_serves_is_open_whoever_wrote_it_down(
    rows: list[tuple[int, str, bool]], data: st.DataObject
) -> None:
    images = [version(f"ami-{n}", str(n) * 12) for n in range(4)]
    fleets: list[Fleet] = []
    for n, (image, group, recorded_at_once) in enumerate(rows):
        fleets.append(fleet(n, f"ami-{image}", group=group))
        if recorded_at_once:
            name = "website" if group == GROUP else "other"
            todo = marks(images, fleets, name)
            written = data.draw(st.integers(0, len(todo)))
            known = {x.id: x for x in images}
            for mark in todo[:written]:
                known[mark.image] = known[mark.image].with_tags(**mark.tags)
            images = list(known.values())
    for name, group in (("website", GROUP), ("other", OTHER_GROUP)):
        images = recorded(images, fleets, name)
        line = [x for x in fleets if x.target_groups == (group,)]
        open_now = {x.id for x in images if name in x.served and x.served[name].until is None}
        assert open_now == ({line[-1].image} if line else set())
        assert {x.image for x in line} == {x.id for x in images if name in x.served}
        assert marks(images, fleets, name) == []
        assert unrecorded(images, fleets, name) == []


def test_one_that_is_written_down_late_ended_when_another_image_took_its_place() -> None:
    """Whoever came after was quicker. Two fleets of one image are one time of serving."""
    fleets = [fleet(1, "ami-1"), fleet(2, "ami-1"), fleet(3, "ami-2")]
    quicker = version(
        "ami-2", "bb", **{"released": text_of(at(3)), "served/website": text_of(at(3))}
    )
    assert told([version("ami-1", "aa"), quicker], fleets) == {
        "ami-1": f"{text_of(at(2))} {text_of(at(3))}",
        "ami-2": text_of(at(3)),
    }


def test_of_too_many_groups_the_one_that_it_served_longest_ago_goes_and_none_that_it_serves() -> (
    None
):
    groups = {
        f"served/g{n:02}": f"{text_of(at(n))} {text_of(at(n + 1))}" for n in range(MOST_GROUPS)
    }
    groups["served/g00"] = text_of(at(0))
    image = version("ami-1", "aa", released=text_of(at(1)), **groups)
    [mark] = marks([image], [fleet(90, "ami-1")], "website")
    assert mark.forget == (f"{t.SERVED}g01",)


def test_what_another_group_released_later_stays_released_then() -> None:
    image = version("ami-1", "aa", released=text_of(at(9)), **{"served/other": text_of(at(9))})
    [found] = recorded([image], [fleet(1, "ami-1")], "website")
    assert found.tags[t.RELEASED] == text_of(at(9))
    [found] = recorded([image], [fleet(12, "ami-1")], "website")
    assert found.tags[t.RELEASED] == text_of(at(12))


def test_images_are_told_apart_and_not_put_in_order() -> None:
    """A rollback: what took its place has the smaller id."""
    images = [version("ami-2", "bb"), version("ami-1", "aa")]
    assert told(images, [fleet(1, "ami-2"), fleet(2, "ami-1")]) == {
        "ami-2": f"{text_of(at(1))} {text_of(at(2))}",
        "ami-1": text_of(at(2)),
    }
