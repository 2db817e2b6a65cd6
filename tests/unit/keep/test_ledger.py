"""What the ledger reads back from AWS, whatever AWS does not show yet."""

from typing import Any

from spotkiln.aws.keep.ledger import read_back
from spotkiln.aws.serve.spot_fleet.launcher import RESOURCE
from spotkiln.release.ledger import Made
from tests.unit.keep.leavings import Leavings
from tests.unit.nouns import RELEASE


class Account(Leavings):
    """Its list of fleets may be older than what it was asked for."""

    old = False

    def describe_spot_fleet_requests(self, asked: dict[str, Any]) -> dict[str, Any]:
        shown = super().describe_spot_fleet_requests(asked)
        return {"SpotFleetRequestConfigs": []} if self.old else shown

    def describe_volumes(self, _: object) -> dict[str, Any]:
        return {"Volumes": []}

    def describe_security_groups(self, _: object) -> dict[str, Any]:
        return {"SecurityGroups": []}

    def describe_key_pairs(self, _: object) -> dict[str, Any]:
        return {"KeyPairs": []}


def machines(account: Account, fleet: str) -> dict[str, Made]:
    made = read_back(account.aws(), RELEASE, "demo", [(RESOURCE, fleet)])
    return {one.id: one for one in made if one.kind == "instance"}


def test_servers_are_found_by_a_fleet_that_aws_does_not_list_yet() -> None:
    account = Account()
    fleet = account.serve()
    listed = machines(account, fleet)
    assert [(one.exists, one.owner) for one in listed.values()] == [(True, fleet)] * 2
    account.old = True
    assert machines(account, fleet) == listed


def test_both_images_of_a_release_are_found_each_with_its_snapshots() -> None:
    account = Account()
    account.bake("ami-1", inputs="base=ami-a other_base=ami-b")
    name = account.bake("ami-2", inputs="base=ami-b other_base=ami-a").name
    account.amis["ami-2"].name = f"{name}/arm64"
    made = read_back(account.aws(), RELEASE, name, [])
    found = {one.id: one.owner for one in made if one.exists}
    owned = {f"snap-{x}-{n}": x for x in ("ami-1", "ami-2") for n in range(2)}
    assert found == {"ami-1": "", "ami-2": "", **owned}
