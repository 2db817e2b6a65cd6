"""Who lives, and what nobody owns: read first, cleaned apart, and looked at twice."""

from collections.abc import Iterable
from datetime import timedelta

import pytest

from spotkiln.aws.keep import reconcile as finding
from spotkiln.aws.keep.living import Claims, read_claims, remove_dead
from spotkiln.aws.keep.reconcile import find_unowned
from spotkiln.aws.session import Aws
from spotkiln.keep.facts import Facts, OwnedPart
from spotkiln.keep.lease import DURATION, Lease, Stage
from spotkiln.serve.fleet import Phase
from tests.unit.keep.leavings import Leavings
from tests.unit.leftovers import fleet
from tests.unit.nouns import GROUP


class Account(Leavings):
    """Leases on the target group, and builders that bake for none."""

    def __init__(self) -> None:
        super().__init__()
        self.builders: list[Lease] = []
        self.ended: set[str] = set()
        self.asked: list[set[str]] = []

    def claim(self, release: str, *, since: float = 0.0) -> Lease:
        """Renewed for the last time so many seconds before now."""
        renewed = self.now - timedelta(seconds=since)
        lease = Lease(
            release=release,
            run=f"run-of-{release}",
            ticket=renewed,
            until=renewed + DURATION,
            stage=Stage.HOLDS,
        )
        self.group_tags[lease.key] = lease.to_tag()
        return lease

    def describe_security_groups(self, _: object) -> dict[str, object]:
        groups = [
            {"GroupId": f"sg-{n}", "Tags": [{"Key": one.key, "Value": one.to_tag()}]}
            for n, one in enumerate(self.builders)
        ]
        return {"SecurityGroups": groups}

    def known(self, runs: Iterable[str]) -> frozenset[str]:
        asked = set(runs)
        self.asked.append(asked)
        return frozenset(self.ended & asked)

    def client(self) -> Aws:
        """One that has heard AWS's time."""
        aws = self.aws()
        aws.ec2.describe_spot_fleet_requests()
        return aws

    def claims(self) -> Claims:
        return read_claims(self.client(), self.known)


@pytest.fixture
def account() -> Account:
    found = Account()
    found.time = 10_000.0
    return found


def test_who_renews_and_has_not_ended_lives(account: Account) -> None:
    account.claim("fresh-1")
    account.claim("silent-1", since=DURATION.total_seconds() + 1)
    account.claim("ended-1")
    account.ended = {"run-of-ended-1"}
    found = account.claims()
    assert found.living == {"fresh-1"}
    assert {group: sorted(one.release for one in gone) for group, gone in found.dead.items()} == {
        GROUP: ["ended-1", "silent-1"]
    }
    # Prefect is asked once, for all.
    assert account.asked == [{"run-of-fresh-1", "run-of-silent-1", "run-of-ended-1"}]


def test_a_bake_for_no_target_group_lives_as_well(account: Account) -> None:
    account.builders = [account.claim("base-1"), account.claim("base-2", since=9_000)]
    account.group_tags.clear()
    found = account.claims()
    # The group of a dead one goes with all that it has: there is nothing to take from it.
    assert found == Claims(living=frozenset({"base-1"}))


def test_reading_changes_nothing_and_cleaning_takes_only_the_dead(account: Account) -> None:
    account.claim("fresh-1")
    account.claim("silent-1", since=9_000)
    account.group_tags["team"] = "web"
    before = account.group_tags.copy()
    claims = account.claims()
    assert account.group_tags == before
    remove_dead(account.client(), claims)
    assert account.group_tags.keys() == {"spotkiln:lease/fresh-1", "team"}
    remove_dead(account.client(), claims)


def test_with_nobody_dead_nothing_is_written(account: Account) -> None:
    account.claim("fresh-1")
    claims, calls = account.claims(), list[str]()
    account.before = calls.append
    remove_dead(account.client(), claims)
    assert "remove_tags" not in calls


# -- what nobody owns --

PENDING = fleet("sfr-1", Phase.PENDING, "new-1")
FACTS = Facts(
    fleets=(PENDING,), parts=(OwnedPart(kind="launch-template", id="lt-1", release="dead-1"),)
)


def found(account: Account, monkeypatch: pytest.MonkeyPatch, target_group: str = "") -> list[str]:
    """What is to be done, with what `gather` has read meanwhile."""

    def gather(_: Aws, living: frozenset[str], *_tags: object) -> Facts:
        return FACTS.model_copy(update={"living": living})

    monkeypatch.setattr(finding, "gather", gather)
    aws = account.client()
    claims = read_claims(aws, account.known)
    account.said.clear()
    looked = find_unowned(aws, claims, target_group, ended=account.known, say=account.say)
    assert [f"to do: {one}" for one in looked.todo] == account.said
    return [name for one in looked.todo for name in one.ids]


def test_what_the_dead_left_is_to_be_done(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert found(account, monkeypatch) == ["sfr-1", "lt-1"]


def test_who_begins_to_live_during_the_look_keeps_what_was_seen(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It drew its lease after the leases were read, and had launched when the fleets were."""
    reads: list[str] = []

    def begins(call: str) -> None:
        if call == "describe_tags":
            reads.append(call)
            if len(reads) == 2:
                account.claim("new-1")

    account.before = begins
    assert found(account, monkeypatch) == ["lt-1"]
    assert len(reads) == 2


def test_who_lived_at_the_first_look_and_ended_since_keeps_it_until_the_next_run(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.claim("new-1")
    reads: list[str] = []

    def ends(call: str) -> None:
        if call == "describe_tags":
            reads.append(call)
            if len(reads) == 2:
                account.group_tags.clear()

    account.before = ends
    assert found(account, monkeypatch) == ["lt-1"]


def test_without_anything_to_do_nobody_is_looked_at_twice(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.claim("new-1")
    account.claim("dead-1")
    assert found(account, monkeypatch) == []
    assert len(account.asked) == 1


def test_narrowed_to_a_target_group(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    # What does not say for which it was made counts everywhere.
    assert found(account, monkeypatch, "website") == ["sfr-1", "lt-1"]
    assert found(account, monkeypatch, "other") == ["lt-1"]
