"""What IAM is asked about rights: each action by itself, on what it is about."""

import pytest

from sandbox.rights.table import find
from spotkiln.aws.release.rights import every
from spotkiln.aws.serve.launchers import LAUNCHERS
from spotkiln.release.questions import Told, about, asked_of, questions
from spotkiln.release.server_statements import SERVER
from spotkiln.statement import Statement, new_by

FILL = {
    "partition": ("aws",),
    "region": ("eu-west-1",),
    "account": ("123456789012",),
    "target_groups": ("x",),
    **{
        name: (f"arn:aws:iam::123456789012:role/{name}",)
        for name in ("fleet_role", "server_roles", "workers")
    },
    "disk_keys": ("arn:aws:kms:eu-west-1:123456789012:key/a",),
    "build_parameters": ("arn:aws:ssm:eu-west-1:123456789012:parameter/build/a",),
    "build_secrets": ("arn:aws:secretsmanager:eu-west-1:123456789012:secret:build/a",),
    "parameters": ("arn:aws:ssm:eu-west-1:123456789012:parameter/shop",),
    "secrets": ("arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop",),
    "log_groups": ("arn:aws:logs:eu-west-1:123456789012:log-group:/shop/a",),
}
# Of a launch for EC2 Fleet: newer than the table.
NEWER = {("ec2:RunInstances", "spot-instances-request")}


def all_of_them() -> list[Statement]:
    roles = [one for launcher in LAUNCHERS for one in launcher.role_statements]
    return [*every(), *SERVER, *roles]


def test_no_action_is_asked_about_what_it_is_not_about() -> None:
    """By AWS's own table."""
    foreign = set()
    for one in questions(all_of_them(), FILL):
        service, _, operation = one.action.partition(":")
        kinds = {kind.name.partition("/")[0] for kind in find(service, operation).kinds}
        for arn in one.resources:
            kind = arn.rpartition(":")[2].partition("/")[0]
            if service in ("ec2", "elasticloadbalancing") and arn != "*" and kind not in kinds:
                foreign.add((one.action, kind))
    assert foreign == NEWER


def test_there_are_as_many_questions_as_the_documentation_says() -> None:
    assert 100 < len(questions(every(), FILL)) < 170


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("ec2:TerminateInstances", ["arn:aws:ec2:x:1:instance/*"]),
        ("ec2:DeregisterImage", ["arn:aws:ec2:x::image/*"]),
        ("ec2:CreateImage", ["arn:aws:ec2:x::image/*", "arn:aws:ec2:x:1:instance/*"]),
        ("ec2:Other", ["arn:aws:ec2:x:1:*/*", "arn:aws:ec2:x::image/*"]),
    ],
)
def test_of_all_that_there_is_an_action_is_asked_about_its_own_types(
    action: str, expected: list[str]
) -> None:
    found = about(action, ["arn:aws:ec2:x:1:*/*", "arn:aws:ec2:x::image/*"])
    assert [one for one in found if "snapshot" not in one] == expected


def test_the_same_is_asked_once() -> None:
    one = Statement(sid="A", task="a", why="a", actions=("a:B", "a:C"))
    again = one.model_copy(update={"sid": "B"})
    assert [x.action for x in questions([one, again], FILL)] == ["a:B", "a:C"]


def test_it_is_told_what_makes_the_condition_hold() -> None:
    one = Statement(sid="A", task="a", why="a", actions=("a:B",), condition=new_by("RunInstances"))
    assert asked_of(one, FILL) == (
        Told("aws:RequestTag/spotkiln:release", "any", "string"),
        Told("ec2:CreateAction", "RunInstances", "string"),
    )


def test_names_in_a_condition_are_filled_and_iams_variables_are_its_own() -> None:
    condition: dict[str, dict[str, str | tuple[str, ...]]] = {
        "StringEquals": {"kms:ViaService": ("ec2.{region}.amazonaws.com", "other")},
        "Bool": {"kms:GrantIsForAWSResource": "true"},
        "StringLike": {"ssm:x": "${aws:userid}"},
    }
    one = Statement(sid="A", task="a", why="a", actions=("a:B",), condition=condition)
    assert asked_of(one, FILL) == (
        Told("kms:ViaService", "ec2.eu-west-1.amazonaws.com", "string"),
        Told("kms:GrantIsForAWSResource", "true", "boolean"),
    )
