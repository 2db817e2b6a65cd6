"""The account's stack, made in an account of moto's: planned, applied, changed, looked at."""

from collections.abc import Iterator

import pytest
from moto import mock_aws

from sandbox.api.stacks import complete
from spotkiln.aws.account import stack as stacks
from spotkiln.aws.account.check import look
from spotkiln.aws.session import Aws, connect
from spotkiln.errors import InputError
from tests.unit.clock import FakeClock


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    complete()
    with mock_aws(config={"iam": {"load_aws_managed_policies": True}}):
        connect.cache_clear()
        yield connect("eu-west-1")
    connect.cache_clear()


@pytest.fixture
def given(aws: Aws) -> dict[str, str]:
    found = aws.ec2.describe_subnets()["Subnets"][:2]
    return {"Vpc": found[0]["VpcId"], "Subnets": ",".join(one["SubnetId"] for one in found)}


def test_a_plan_changes_nothing(aws: Aws, given: dict[str, str]) -> None:
    found = stacks.plan(aws, "shop", given, FakeClock())
    assert found.new
    assert found.lines[0] == "stack shop would be made:"
    assert "  add ServerRole (AWS::IAM::Role)" in found.lines
    stacks.forget(aws, found)
    with pytest.raises(InputError, match="no stack shop in eu-west-1"):
        stacks.outputs(aws, "shop")
    assert aws.elbv2.describe_target_groups()["TargetGroups"] == []


def test_it_makes_what_a_release_looks_up(aws: Aws, given: dict[str, str]) -> None:
    said: list[str] = []
    planned = stacks.plan(aws, "shop", given, FakeClock())
    made = stacks.apply(aws, planned, FakeClock(), said.append)
    assert made["TargetGroup"] == "website"
    assert said
    seen = {name: probe() for name, probe in look(aws, "shop").items() if "rights" not in name}
    assert seen["target group"] == "website"
    assert seen["second target group"] == "website-green"
    assert seen["security groups"] == "website-servers"
    assert seen["instance profile"] == "website"
    role = aws.iam.get_role(RoleName="spotkiln-worker")["Role"]
    assert role["Arn"] == made["WorkerRole"]
    attached = aws.iam.list_attached_role_policies(RoleName="spotkiln-worker")["AttachedPolicies"]
    assert len(attached) > 1
    again = stacks.plan(aws, "shop", {}, FakeClock())
    assert not again.new


def test_what_is_wrong_is_said(aws: Aws) -> None:
    for probe in look(aws, "none").values():
        with pytest.raises(InputError, match="`spotkiln account apply` makes it"):
            probe()
