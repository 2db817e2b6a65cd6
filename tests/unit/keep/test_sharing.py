"""With which other accounts images are shared, and when that ends."""

from hypothesis import given
from hypothesis import strategies as st

from spotkiln import tags as t
from spotkiln.bake.image import Image
from spotkiln.bake.served import Served
from spotkiln.keep.sharing import UNDER_WAY, Share, shares
from tests.unit import nouns
from tests.unit.nouns import START

ONE, TWO, THREE = "111111111111", "222222222222", "333333333333"
SERVED = {f"{t.SERVED}website": Served(since=START).to_tag()}
TAG = f"{t.SHARED}website"


def version(**shared: str) -> Image:
    told = {f"{t.SHARED}{group}": value for group, value in shared.items()}
    return nouns.image(state="tested").with_tags(**SERVED, **told)


def only(images: list[Image], *accounts: str) -> Share:
    (one,) = shares(images, "website", accounts)
    return one


def test_what_has_been_released_here_is_shared_once() -> None:
    one = only([version()], TWO, ONE)
    assert (one.add, one.remove, one.tag) == ((ONE, TWO), (), TAG)
    assert (one.begun, one.done) == (f"{ONE} {TWO} {UNDER_WAY}", f"{ONE} {TWO}")
    assert shares([version(website=one.done)], "website", [ONE, TWO]) == []


def test_what_was_cut_off_is_done_again_in_full() -> None:
    one = only([version(website=f"{ONE} {TWO} {UNDER_WAY}")], ONE)
    assert (one.add, one.remove, one.done) == ((ONE,), (TWO,), ONE)


def test_what_is_no_version_of_this_target_group_is_not_shared() -> None:
    candidate = nouns.image(state="candidate")
    tested = nouns.image(state="tested")
    elsewhere = tested.with_tags(**{f"{t.SERVED}staging": Served(since=START).to_tag()})
    retired = version().with_tags(**{t.STATE: "retired"})
    assert shares([candidate, tested, elsewhere, retired], "website", [ONE]) == []


def test_it_ends_with_the_list_and_with_the_version() -> None:
    one = only([version(website=f"{ONE} {TWO}")], ONE)
    assert (one.add, one.remove, one.begun) == ((), (TWO,), f"{ONE} {TWO} {UNDER_WAY}")
    one = only([version(website=ONE)])
    assert (one.remove, one.done) == ((ONE,), "")
    forgotten = nouns.image(state="tested").with_tags(**{TAG: ONE})
    assert only([forgotten], ONE).remove == (ONE,)


def test_what_another_target_group_shares_stays_shared() -> None:
    one = only([version(website=f"{ONE} {TWO}", staging=ONE)])
    assert (one.remove, one.done) == ((TWO,), "")


ACCOUNTS = st.lists(st.sampled_from([ONE, TWO, THREE]), unique=True)


@given(lists=st.lists(st.tuples(st.sampled_from(["website", "staging"]), ACCOUNTS), max_size=6))
def test_whatever_lists_follow_each_other_those_are_shared_with_that_are_named(
    lists: list[tuple[str, list[str]]],
) -> None:
    staging = {f"{t.SERVED}staging": Served(since=START).to_tag()}
    image, there, named = version().with_tags(**staging), set[str](), dict[str, list[str]]()
    for group, accounts in lists:
        named[group] = accounts
        for one in shares([image], group, accounts):
            there = (there - set(one.remove)) | set(one.add)
            image = image.with_tags(**{one.tag: one.done}) if one.done else image.without(one.tag)
        assert there == {one for each in named.values() for one in each}
        assert shares([image], group, accounts) == []
