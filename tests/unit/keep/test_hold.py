"""What a rollback leaves alone, and until when."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from spotkiln import tags as t
from spotkiln.keep import hold
from spotkiln.keep.versions import Version
from spotkiln.serve.fleet import Fleet
from tests.unit import nouns
from tests.unit.nouns import START


def fleet(commit: str, *held: str, image: str = "") -> Fleet:
    made = nouns.fleet()
    tags = {**made.tags, t.COMMIT: commit * 40, t.IMAGE: image or f"ami-{commit}"}
    return made.model_copy(update={"tags": tags | ({t.HELD: " ".join(held)} if held else {})})


def version(commit: str, hour: int, image: str = "", **changes: object) -> Version:
    settings = {"image": image or f"ami-{commit}", "commit": commit * 40}
    released = START + timedelta(hours=hour)
    return Version.model_validate({**settings, "released": released, **changes})


A, B, C = (one * 12 for one in "abc")
OLD, MIDDLE, NEW = version("a", 1), version("b", 2), version("c", 3, serving=True)
ALL = [NEW, MIDDLE, OLD]


def test_what_was_left_is_held() -> None:
    assert hold.after_rollback(fleet("c"), ALL, MIDDLE) == (C,)
    # Going further back at once, what lies between is left, too.
    assert hold.after_rollback(fleet("c"), ALL, OLD) == (C, B)


def test_a_second_rollback_adds_to_what_is_held() -> None:
    now = [version("b", 4, serving=True), version("c", 3, left=True), OLD]
    assert hold.after_rollback(fleet("b", C), now, OLD) == (C, B)


def test_forth_by_name_holds_only_what_is_still_further_on() -> None:
    # By way of b, which so has served later than c.
    now = [version("a", 5, serving=True), version("b", 4, left=True), version("c", 3, left=True)]
    back = fleet("a", C, B)
    assert hold.after_rollback(back, now, now[2]) == ()
    assert hold.after_rollback(back, now, now[1]) == (C,)
    lifted = fleet("a", "lifted", C, B)
    assert hold.after_rollback(lifted, now, now[1]) == ()


def test_back_to_what_was_left_before_something_newer_came() -> None:
    now = [version("d", 6, serving=True), version("a", 5), version("c", 3, left=True)]
    assert hold.after_rollback(fleet("d"), now, now[2]) == ("d" * 12, A)


def test_an_older_image_of_the_same_commit_holds_the_commit() -> None:
    """A night's new base was at fault: the next night shall not bring the commit back on it."""
    now = [version("c", 3, "ami-new", serving=True), version("c", 2, "ami-old")]
    assert hold.after_rollback(fleet("c", image="ami-new"), now, now[1]) == (C,)
    assert hold.reason(fleet("c", C, image="ami-old"), "c" * 40)


def test_the_same_image_again_keeps_what_is_held() -> None:
    assert hold.after_rollback(fleet("b", C), ALL, MIDDLE) == (C,)


def test_where_nothing_serves_what_served_later_is_held() -> None:
    assert hold.after_rollback(None, ALL, MIDDLE) == (C,)


def test_a_release_of_what_serves_keeps_the_hold_and_any_other_ends_it() -> None:
    assert hold.after_release(fleet("a", C, B), "a" * 40) == (C, B)
    assert hold.after_release(fleet("a", C, B), "d" * 40) == ()
    assert hold.after_release(fleet("c", C), "c" * 40) == ()
    assert hold.after_release(None, "a" * 40) == ()


def test_who_is_held_is_told_why_and_what_to_do() -> None:
    back = fleet("a", C, B)
    said = hold.reason(back, "c" * 40)
    for word in (f"commit {C} is held", f"rollback to {A}", "even_if_held", "spotkiln unhold"):
        assert word in said
    assert hold.reason(back, "d" * 40) == ""
    assert hold.reason(None, "c" * 40) == ""


def test_lifted_it_holds_nothing_and_still_tells_what_was_left() -> None:
    back = fleet("a", C, B)
    lifted = back.model_copy(update={"tags": {**back.tags, t.HELD: hold.lifted(back)}})
    assert (lifted.held, lifted.left) == ((), (C, B))
    assert hold.lifted(lifted) == hold.lifted(back)
    assert hold.reason(lifted, "c" * 40) == ""


def test_all_versions_that_served_later_are_left_the_newest_first() -> None:
    """What serves is left too, though its image is gone: then it is no version any more."""
    gone = fleet("d")
    assert hold.after_rollback(gone, [MIDDLE, OLD, NEW], OLD) == ("d" * 12, C, B)


@given(st.integers(1, 100), st.integers(0, 99))
def test_it_fits_into_a_tag_with_the_newest_and_all_that_were_left_last(
    count: int, target: int
) -> None:
    every = [
        Version(image=f"ami-{n}", commit=f"{n:012}" + "0" * 28, released=START + timedelta(hours=n))
        for n in range(count)
    ][::-1]
    chosen = every[min(target, count - 1)]
    held = hold.after_rollback(None, every, chosen)
    serving = nouns.fleet()
    tagged = serving.model_copy(update={"tags": {**serving.tags, t.HELD: hold.to_tag(held)}})
    assert tagged.held == held
    assert max(len(hold.to_tag(held)), len(hold.lifted(tagged))) <= 256
    later = tuple(x.commit[:12] for x in every if x.released > chosen.released)
    fits = len(later) <= hold.MOST
    assert held == (later if fits else (later[0], *later[-hold.MOST + 1 :]))
