"""Undoing a launch: what the release made goes, and what serves is compared."""

import pytest

from spotkiln import tags as t
from spotkiln.aws.serve.cancel import cancel
from spotkiln.aws.serve.launchers import launchers
from spotkiln.errors import InfrastructureError
from spotkiln.serve.fleet import Fleet
from spotkiln.serve.order import Order
from spotkiln.serve.spec import FleetSpec
from tests.unit import nouns
from tests.unit.memory import Memory, Ticks
from tests.unit.nouns import TAGS

SPEC = FleetSpec(capacity=2)


class Account(Memory):
    """What a release launches, and what serves beside it. It is the clock as well."""

    def sleep(self, seconds: float) -> None:
        self.time += seconds

    def ordered(self, release: str, spec: FleetSpec = SPEC) -> Fleet:
        order = Order(
            wanted=spec,
            asked=spec,
            image=nouns.image(),
            infra=nouns.infra(),
            tags={**TAGS, t.RELEASE: release},
        )
        return launchers(self.aws()).launch(order, lambda *_: None)

    def promoted(self, release: str) -> Fleet:
        fleet = self.ordered(release)
        launchers(self.aws()).promote(fleet, self.now)
        return fleet

    def cancel(self, release: str, before: list[str] | None) -> list[str]:
        self.said: list[str] = []
        return cancel(self.aws(), nouns.infra(), release, before, Ticks(self), self.said.append)


@pytest.fixture
def account() -> Account:
    return Account()


def test_all_that_the_release_made_goes_without_loss(account: Account) -> None:
    serves = account.promoted("old-0123456789ab")
    first = account.ordered("new-0123456789ab")
    second = account.ordered("new-0123456789ab", FleetSpec(capacity=1))
    told = account.cancel("new-0123456789ab", [serves.id])
    assert {first.id, second.id} <= set(told)
    assert len(told) == 2 + 3
    assert account.torn == []
    assert {account.fleets[one.id].state for one in (first, second)} == {"cancelled"}
    assert account.fleets[serves.id].state == "active"
    assert list(account.templates) == list(serves.parts)
    assert account.said[-1] == f"undone: {first.id}, {second.id} with 3 instances"


def test_a_template_whose_request_was_never_made_goes_too(account: Account) -> None:
    serves = account.promoted("old-0123456789ab")
    lost = account.ordered("new-0123456789ab")
    del account.fleets[lost.id]
    assert account.cancel("new-0123456789ab", [serves.id]) == []
    assert list(account.templates) == list(serves.parts)


def test_what_only_carries_the_releases_tag_stays(account: Account) -> None:
    account.templates["somebody's"] = "new-0123456789ab"
    account.cancel("new-0123456789ab", [])
    assert list(account.templates) == ["somebody's"]


def test_what_has_been_promoted_serves_and_is_not_undone(account: Account) -> None:
    serves = account.promoted("new-0123456789ab")
    assert account.cancel("new-0123456789ab", [serves.id]) == []
    assert account.fleets[serves.id].state == "active"
    assert list(account.templates) == list(serves.parts)


@pytest.mark.parametrize("before", [[], ["sfr-9999"], ["sfr-9999", "sfr-0001"]])
def test_a_change_of_what_serves_is_an_error_after_all_is_undone(
    account: Account, before: list[str]
) -> None:
    serves = account.promoted("old-0123456789ab")
    new = account.ordered("new-0123456789ab")
    with pytest.raises(InfrastructureError) as caught:
        account.cancel("new-0123456789ab", before)
    assert str(caught.value) == (
        f"what serves changed while new-0123456789ab was undone: before {before}, now {[serves.id]}"
    )
    assert account.fleets[new.id].state == "cancelled"
    # Once more it is the same: the loss is not hidden by a try that has nothing left to do.
    with pytest.raises(InfrastructureError, match="what serves changed"):
        account.cancel("new-0123456789ab", before)


def test_the_order_of_what_serves_counts_too(account: Account) -> None:
    first, second = account.promoted("one-0123456789ab"), account.promoted("two-0123456789ab")
    account.time += 1
    launchers(account.aws()).promote(second, account.now)
    account.cancel("new-0123456789ab", [second.id, first.id])
    with pytest.raises(InfrastructureError, match="what serves changed"):
        account.cancel("new-0123456789ab", [first.id, second.id])


def test_where_it_could_not_be_looked_up_nothing_is_compared(account: Account) -> None:
    account.promoted("old-0123456789ab")
    new = account.ordered("new-0123456789ab")
    assert new.id in account.cancel("new-0123456789ab", None)
