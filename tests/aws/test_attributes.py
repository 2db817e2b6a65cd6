"""Servers by attributes: found, launched and told by EC2's names, with either launcher."""

import pytest

from spotkiln.aws.bake.infra import target_group
from spotkiln.aws.bake.instance_types import types_with
from spotkiln.aws.serve.launchers import launchers
from spotkiln.aws.session import Aws
from spotkiln.errors import InputError
from spotkiln.serve.attributes import Attributes
from spotkiln.serve.order import Order
from spotkiln.serve.spec import FleetSpec, LauncherKind
from tests.sandbox.account import Account, eventually
from tests.unit import nouns

pytestmark = pytest.mark.sandbox

ASKED = Attributes(vcpus=2, most_vcpus=2, memory_gib=4, most_memory_gib=4, without=["c6a*"])


@pytest.mark.parametrize("kind", LauncherKind)
def test_what_is_launched_is_one_of_those_that_were_told(
    aws: Aws, account: Account, kind: LauncherKind
) -> None:
    told = types_with(aws, ASKED, "x86_64")
    assert "c6i.large" in told
    assert not [one for one in told if one.startswith(("t", "c6a", "c6g"))]
    subnets = account.ec2.describe_subnets()["Subnets"]
    groups = account.ec2.describe_security_groups(
        Filters=[{"Name": "vpc-id", "Values": [subnets[0]["VpcId"]]}]
    )["SecurityGroups"]
    spec = FleetSpec(capacity=2, launcher=kind, attributes=ASKED, instance_types=[])
    order = Order(
        wanted=spec,
        asked=spec,
        image=nouns.image(account.debian),
        infra=nouns.infra(
            target_group=target_group(aws, "website"),
            subnets=tuple(one["SubnetId"] for one in subnets),
            security_groups=(groups[0]["GroupId"],),
            fleet_role=account.fleet_role,
            instance_profile="",
            key_pair="",
            types=told,
        ),
        tags=nouns.TAGS,
    )
    fleet = launchers(aws).launch(order, lambda *_: None)

    def both() -> list[str]:
        found = launchers(aws).members(fleet)
        return [one.type for one in found] if len(found) == 2 else []

    types = eventually(both)
    assert set(types) <= set(told)


def test_what_nothing_has_is_refused(aws: Aws, account: Account) -> None:
    del account
    much = Attributes(vcpus=2, most_vcpus=2, memory_gib=2000)
    with pytest.raises(InputError, match="no instance type of eu-west-1 has 2 vCPUs, 2000 or more"):
        types_with(aws, much, "arm64")
