"""The security group of a builder, which only one run may have made, against moto."""

from typing import Any

import pytest

from spotkiln import tags as t
from spotkiln.aws.bake.builder import Taken, open_group
from spotkiln.aws.session import Aws

OWNER = "layer-0123456789ab"


def begin(aws: Aws, run: str) -> str:
    vpc = aws.ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    return open_group(aws, OWNER, vpc, ["0.0.0.0/0"], {t.RUN: run}, alone=True)


def groups(aws: Aws) -> list[str]:
    found = aws.ec2.describe_security_groups()["SecurityGroups"]
    return [one["GroupId"] for one in found if one["GroupName"].endswith(OWNER)]


def test_one_whose_answer_was_lost_is_its_own(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    """botocore asks again, and EC2 says that it is there."""
    create = aws.ec2.create_security_group

    def asked_twice(**given: Any) -> Any:
        create(**given)
        return create(**given)

    monkeypatch.setattr(aws.ec2, "create_security_group", asked_twice)
    made = begin(aws, "run-1")
    assert groups(aws) == [made]


def test_one_that_another_run_made_at_the_same_moment_is_not(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = aws.ec2.create_security_group

    def made_by_another(**given: Any) -> Any:
        tags = [{"Key": t.RUN, "Value": "run-2"}]
        of_another = [{"ResourceType": "security-group", "Tags": tags}]
        create(**{**given, "TagSpecifications": of_another})
        return create(**given)

    monkeypatch.setattr(aws.ec2, "create_security_group", made_by_another)
    with pytest.raises(Taken):
        begin(aws, "run-1")


def test_one_that_was_there_before_is_taken_whoever_made_it(aws: Aws) -> None:
    """A process of the same run that was killed may have left it: reconcile sees to that."""
    begin(aws, "run-1")
    with pytest.raises(Taken):
        begin(aws, "run-1")
