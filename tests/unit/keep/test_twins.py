"""The second image of a release goes and stays with its first one, whoever takes them away."""

from typing import Any

import pytest

from spotkiln import tags as t
from spotkiln.aws.bake import image as images
from spotkiln.aws.bake.discard import discard_bake
from spotkiln.aws.keep.share import share_images
from spotkiln.bake.image import Image, ImageState
from spotkiln.bake.served import Served, text_of
from spotkiln.errors import InfrastructureError
from spotkiln.keep.action import Action, Verb
from spotkiln.keep.facts import Facts
from spotkiln.keep.reconcile import decide
from spotkiln.serve.fleet import Phase
from tests.unit import leftovers
from tests.unit.keep.leavings import Clock
from tests.unit.keep.test_carry_out import do
from tests.unit.keep.test_prune import Account
from tests.unit.nouns import RELEASE, START, TAGS

INPUTS = "base=ami-base other_base=ami-arm"


class Baked(Account):
    """It has baked two images, and tagged both unless told otherwise."""

    def bake_both(self, *, tagged: tuple[str, ...] = ("ami-1", "ami-2"), **tags: str) -> None:
        self.bake("ami-1", inputs=INPUTS, **tags)
        self.bake("ami-2", inputs=INPUTS, state="tested")
        self.amis["ami-2"].name += "/arm64"
        for name in {"ami-1", "ami-2"} - {*tagged}:
            self.amis[name].tags.clear()

    def of_release(self) -> list[tuple[str, ...]]:
        found = images.of_release(self.aws(), RELEASE, self.name)
        return [one.ids for one in found]

    @property
    def name(self) -> str:
        return f"{TAGS[t.APP]}/{TAGS[t.COMMIT][:12]}/{RELEASE}"


@pytest.fixture
def account() -> Baked:
    return Baked()


@pytest.mark.parametrize("tagged", [("ami-1", "ami-2"), ("ami-1",), ("ami-2",), ()])
def test_both_are_found_by_whatever_a_kill_has_left(
    account: Baked, tagged: tuple[str, ...]
) -> None:
    account.bake_both(tagged=tagged)
    assert account.of_release() == [("ami-1", "ami-2")]
    account.undo()
    assert (account.amis, account.snapshots) == ({}, {})


def test_the_first_one_goes_last_for_it_says_what_becomes_of_both(account: Baked) -> None:
    account.bake_both(state="tested")
    gone = account.undo()
    assert [one for one in gone if one.startswith("ami-")] == ["ami-2", "ami-1"]


def test_an_old_version_goes_whole_and_one_in_use_stays_whole(account: Baked) -> None:
    served = Served(since=START, until=START).to_tag()
    account.bake_both(state="tested", released="2024-05-01")
    account.amis["ami-1"].tags[f"{t.SERVED}website"] = served
    account.version("ami-3", 2, "website", release="demo-web-app-ba9876543210")
    account.serve("ami-3", twin="ami-2")
    assert account.prune(1) == []
    account.fleets.clear()
    assert {"ami-1", "ami-2"} < {*account.prune(1)}
    assert account.amis.keys() == {"ami-3"}


def test_the_try_that_bakes_one_again_leaves_the_other_alone(account: Baked) -> None:
    account.bake_both()
    name = f"{account.name}/arm64"
    discard_bake(account.aws(), RELEASE, name, "arm64", Clock(account), account.say)
    assert account.amis.keys() == {"ami-1"}


def test_reconcile_discards_both_at_once(account: Baked) -> None:
    account.bake_both()
    do(account, Verb.DISCARD_IMAGE, "ami-1")
    assert (account.amis, account.snapshots) == ({}, {})


@pytest.mark.parametrize("copied", ["ami-1", "ami-2"])
def test_while_either_is_copied_elsewhere_both_stay(account: Baked, copied: str) -> None:
    account.bake_both()
    mark = f"{t.COPYING}123456789012/eu-west-1"
    account.amis[copied].tags[mark] = f"{text_of(START)} {RELEASE}"
    with pytest.raises(InfrastructureError, match="ami-1 stays for now"):
        account.undo()
    assert account.amis.keys() == {"ami-1", "ami-2"}


def test_both_are_shared(account: Baked, monkeypatch: pytest.MonkeyPatch) -> None:
    shared: list[str] = []

    def share(asked: Any) -> dict[str, str]:
        shared.append(asked["ImageId"])
        return {}

    account.bake_both(state="tested", released="2024-05-01")
    account.amis["ami-1"].tags[f"{t.SERVED}website"] = Served(since=START).to_tag()
    monkeypatch.setattr(account, "modify_image_attribute", share, raising=False)
    monkeypatch.setattr(account, "modify_snapshot_attribute", lambda _: {}, raising=False)
    found = images.of_app(account.aws(), TAGS[t.APP])
    share_images(account.aws(), found, "website", ["210987654321"], account.say)
    assert shared == ["ami-1", "ami-2"]


# -- what reconcile decides --


def both(release: str, **tags: str) -> tuple[Image, Image]:
    first = leftovers.image("ami-1", release, ImageState.TESTED, **tags)
    name = f"demo-web-app/0123456789ab/{release}-0123456789ab"
    first = first.model_copy(update={"name": name})
    second = leftovers.image("ami-2", release, ImageState.TESTED)
    return first, second.model_copy(update={"name": f"{name}/arm64"})


def decided(facts: Facts) -> list[Action]:
    return [one for one in decide(facts) if one.verb is Verb.DISCARD_IMAGE]


def test_a_version_keeps_its_twin() -> None:
    assert decided(Facts(images=both("old", released="2024-04-01"))) == []
    (found,) = decided(Facts(images=both("dead")))
    assert found.ids == ("ami-1",)


def test_what_serves_with_the_second_one_keeps_both() -> None:
    serving = leftovers.fleet("sfr-1", Phase.SERVING, "old")
    marked = serving.model_copy(update={"tags": {**serving.tags, t.TWIN: "ami-2"}})
    assert decided(Facts(fleets=(marked,), images=both("dead"))) == []


def test_a_twin_whose_first_one_has_gone_goes_too() -> None:
    _, alone = both("dead")
    (found,) = decided(Facts(images=(alone,)))
    assert found.ids == ("ami-2",)
