"""What is taken away after a release, and after a failed one; and what a verdict leaves."""

from pathlib import Path

import pytest

from spotkiln import tags as t
from spotkiln.aws.bake import image as images
from spotkiln.aws.bake.blame import blame_image
from spotkiln.aws.keep.prune import prune_versions, undo_bake
from spotkiln.bake.recipe import Recipe
from spotkiln.bake.served import Served, text_of
from spotkiln.release.job import Job
from spotkiln.release.release import ReleaseSpec
from tests.unit import nouns
from tests.unit.keep.leavings import Clock, Leavings
from tests.unit.nouns import RELEASE, START

JOB = Job(
    release=RELEASE,
    spec=ReleaseSpec(app=nouns.app()),
    infra=nouns.infra(),
    source=nouns.source(),
    recipe=Recipe(inputs={}),
    tags=nouns.TAGS,
    folder=Path("/runs/1"),
)
OTHERS = {"release": "demo-web-app-ba9876543210"}


class Account(Leavings):
    def describe_security_groups(self, _: object) -> dict[str, object]:
        return {"SecurityGroups": [{"GroupId": one} for one in sorted(self.groups)]}

    def version(self, name: str, day: int, *groups: str, **tags: str) -> None:
        """It served these target groups from that day on."""
        self.bake(name, state="tested", released="2024-05-01", **tags)
        served = Served(since=START.replace(day=day), until=START.replace(day=day + 1))
        self.amis[name].tags |= {f"{t.SERVED}{group}": served.to_tag() for group in groups}

    def prune(self, keep: int, group: str = "website") -> list[str]:
        aws = self.aws()
        versions = images.of_app(aws, "demo-web-app")
        gone, left = prune_versions(aws, versions, group, keep, clock=Clock(self), say=self.say)
        assert {one.id: one.served for one in left} == {
            one.id: one.served for one in images.of_app(aws, "demo-web-app")
        }
        return gone

    def undo(self) -> list[str]:
        return undo_bake(self.aws(), JOB, clock=Clock(self), say=self.say)


@pytest.fixture
def account() -> Account:
    return Account()


# -- versions --


def test_the_oldest_versions_go_with_their_snapshots(account: Account) -> None:
    for day in (1, 2, 3):
        account.version(f"ami-{day}", day, "website")
    assert account.prune(2) == ["ami-1", "snap-ami-1-0", "snap-ami-1-1"]
    assert sorted(account.amis) == ["ami-2", "ami-3"]
    assert account.prune(2) == []


def test_without_too_many_the_fleets_are_not_even_read(account: Account) -> None:
    account.version("ami-1", 1, "website")
    calls: list[str] = []
    account.before = calls.append
    assert account.prune(1) == []
    # The second look is this test's own.
    assert set(calls) == {"describe_images"}


def test_what_a_fleet_uses_stays(account: Account) -> None:
    for day in (1, 2, 3):
        account.version(f"ami-{day}", day, "website")
    fleet = account.serve("ami-1", phase="retiring")
    assert account.prune(1) == ["ami-2", "snap-ami-2-0", "snap-ami-2-1"]
    account.fleets[fleet].state = "cancelled"
    assert account.prune(1) == ["ami-1", "snap-ami-1-0", "snap-ami-1-1"]


def test_what_another_target_group_keeps_is_only_no_version_of_this_one_any_more(
    account: Account,
) -> None:
    account.version("ami-1", 1, "website", "staging")
    account.version("ami-2", 2, "website")
    assert account.prune(1) == []
    assert f"{t.SERVED}website" not in account.amis["ami-1"].tags
    assert f"{t.SERVED}staging" in account.amis["ami-1"].tags
    assert account.said == ["ami-1 is no version of website any more; others keep it"]
    # With the last that kept it, it goes.
    account.version("ami-3", 3, "staging")
    assert account.prune(1, "staging") == ["ami-1", "snap-ami-1-0", "snap-ami-1-1"]


def test_a_protected_version_fails_nothing(account: Account) -> None:
    account.time = 100
    for day in (1, 2, 3):
        account.version(f"ami-{day}", day, "website")
    account.in_use = {"ami-2": 1}
    assert account.prune(1) == ["ami-1", "snap-ami-1-0", "snap-ami-1-1"]
    assert t.PUT_OFF in account.amis["ami-2"].tags


def test_what_another_account_copies_just_now_stays_until_it_has(account: Account) -> None:
    account.time = 100
    for day in (1, 2):
        account.version(f"ami-{day}", day, "website")
    mark = f"{t.COPYING}111111111111/eu-west-1"
    account.amis["ami-1"].tags[mark] = f"{text_of(account.now)} shop-0123456789ab"
    assert account.prune(1) == []
    assert account.said == [
        (
            "ami-1 cannot be discarded now, and is tried again later: ami-1 stays for now: "
            "shop-0123456789ab copies it to 111111111111/eu-west-1"
        )
    ]
    # Whoever was killed while it copied holds it for a day, and no longer.
    account.time += 2 * 86400
    assert account.prune(1) == ["ami-1", "snap-ami-1-0", "snap-ami-1-1"]


# -- undoing a bake --


def test_all_that_a_release_baked_goes(account: Account) -> None:
    account.bake("ami-1", state="tested")
    account.bake("ami-2", state="tested", **OTHERS)
    account.snapshots["snap-ami-3-0"] = dict(nouns.TAGS)
    account.key_pairs, account.groups = {f"spotkiln-builder-{RELEASE}", "team"}, {"sg-1"}
    assert sorted(account.undo()) == ["ami-1", "snap-ami-1-0", "snap-ami-1-1", "snap-ami-3-0"]
    assert list(account.amis) == ["ami-2"]
    assert (account.key_pairs, account.groups) == ({"team"}, set())
    assert account.undo() == []


@pytest.mark.parametrize(
    "tags",
    [{"released": "2024-05-01"}, {"served/staging": "2024-05-01"}, {"keep": "rejected"}],
)
def test_what_served_or_shall_be_kept_stays(account: Account, tags: dict[str, str]) -> None:
    account.bake("ami-1", state="tested", **tags)
    assert account.undo() == []
    assert (list(account.amis), len(account.snapshots)) == (["ami-1"], 2)


def test_what_its_own_fleet_still_uses_stays_for_reconcile(account: Account) -> None:
    """The fleet could not be cancelled: it would replace servers with an image that is gone."""
    account.bake("ami-1", state="tested")
    account.serve("ami-1", phase="pending")
    assert account.undo() == []


# -- blame --


def blamed(account: Account, *, keep: bool = False) -> dict[str, str]:
    aws = account.aws()
    image = images.describe(aws, "ami-1")
    assert image
    marked = blame_image(
        aws, image, "website", "it did\nnot answer", keep=keep, say=account.said.append
    )
    found = account.amis["ami-1"].tags
    assert dict(marked.tags) == found
    return found


def test_a_candidate_is_rejected_and_goes(account: Account) -> None:
    account.bake("ami-1", state="tested")
    tags = blamed(account)
    assert (tags[t.STATE], t.KEEP in tags) == ("rejected", False)
    assert account.said == ["ami-1 is rejected: it did\nnot answer"]
    assert "ami-1" in account.undo()


def test_one_that_shall_be_looked_at_stays(account: Account) -> None:
    account.bake("ami-1", state="tested")
    assert blamed(account, keep=True)[t.KEEP] == "rejected"
    assert account.undo() == []


def test_one_that_was_promoted_elsewhere_meanwhile_is_only_suspect(account: Account) -> None:
    """What the release knows of its image is as old as its bake."""
    account.bake("ami-1", state="tested")
    aws = account.aws()
    old = images.describe(aws, "ami-1")
    assert old
    account.amis["ami-1"].tags[t.RELEASED] = "2024-05-01T12:00:00+00:00"
    marked = blame_image(aws, old, "website", "no", keep=False, say=account.said.append)
    assert marked.released
    assert account.amis["ami-1"].tags[t.STATE] == "tested"
    assert account.amis["ami-1"].tags[t.SUSPECT].endswith("website: no")
    assert account.said == ["ami-1 is suspect, and stays: no"]
