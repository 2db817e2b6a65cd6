"""Which rights a worker needs, as data, and what a simulation says of them."""

import re
from typing import Any, cast

import pytest

from sandbox.rights.table import find
from spotkiln.aws.release import rights
from spotkiln.aws.release.rights import every, needed
from spotkiln.release.parts import build_secrets, used
from spotkiln.release.release import ReleaseSpec
from spotkiln.release.rights import Granted, Names, missing, together
from spotkiln.release.server_statements import SERVER
from spotkiln.release.spot_statements import SPOT
from spotkiln.release.statements import WORKER
from spotkiln.serve.spec import LauncherKind
from spotkiln.statement import ANY, NEW, OURS, Statement, policies, size
from tests.unit.nouns import ROOT

FILL = {
    "partition": ("aws",),
    "region": ("eu-west-1",),
    "account": ("1",),
    "target_groups": ("website", "blog"),
    "fleet_role": ("arn:aws:iam::1:role/fleet",),
    "server_roles": (),
}


def sids_for(deployment: dict[str, Any]) -> set[str]:
    """The statements that doctor asks about."""
    app = {"repository": "https://example.com/shop.git", "name": "shop"}
    parts = used(ReleaseSpec.model_validate({"app": app, **deployment}))
    names = Names(fleet_role="fleet", target_group="website", parts=parts)
    return {one.sid for one in needed(cast(Any, None), names)}


def asked_for(deployment: dict[str, Any]) -> set[str]:
    sids = sids_for(deployment)
    return {action for one in every() if one.sid in sids for action in one.actions}


def test_the_documentation_has_all_of_them_as_they_are() -> None:
    """`python scripts/rights.py` writes it."""
    from scripts.rights import page

    text = (ROOT / "docs" / "aws.md").read_text()
    assert page(text) == text
    assert "`ec2:TerminateInstances`" in text


@pytest.mark.parametrize("statements", [every(), SERVER], ids=["worker", "server"])
def test_aws_knows_each_action_and_judges_it_by_what_is_said(
    statements: tuple[Statement, ...],
) -> None:
    """By AWS's own table: an action that is not there, a resource that it is not judged on, or a
    key that AWS does not tell would allow nothing, in silence."""
    for one in statements:
        for action in one.actions:
            service, _, name = action.partition(":")
            known = find(service, name)
            assert known.name == name and (known.kinds or known.keys or one.resources == ANY), (
                action
            )
            if one.resources == ANY:
                required = [kind for kind in known.kinds if kind.required]
                assert name.startswith("Describe") or not required, action
                continue
            kinds = [
                kind
                for arn in one.filled({**FILL, "server_roles": ("arn:aws:iam::1:role/x",)})
                for kind in known.kinds
                if kind.arn.fullmatch(arn) or arn.endswith("*/*")
            ]
            assert kinds or "{" in "".join(one.resources), (one.sid, action)
            for keys in one.condition.values():
                for key in keys:
                    told = [known.knows(key.lower(), kind) for kind in (*kinds, None)]
                    assert any(told), (one.sid, key)


def test_none_is_there_twice_and_each_says_why() -> None:
    found = every()
    assert len({one.sid for one in found}) == len(found)
    assert all(one.task and one.why for one in found)
    # Each action is allowed by one statement, unless it is judged on several things.
    for one in WORKER:
        assert list(one.actions) == sorted(one.actions), one.sid


def test_nothing_changes_what_is_not_narrowed() -> None:
    """What is allowed on anything only looks."""
    looks = re.compile(r"[\w-]+:(Describe|Get|List)\w*")
    for one in every():
        if one.resources == ANY:
            assert [x for x in one.actions if not looks.fullmatch(x)] == [], one.sid


def test_what_ends_something_is_narrowed_by_its_tag_or_name() -> None:
    ends = re.compile(r"ec2:(Terminate|Stop|Delete|Deregister|Cancel)\w*")
    for one in every():
        if any(ends.fullmatch(x) for x in one.actions) and one.part != "adoption":
            named = all("spotkiln-" in arn for arn in one.resources)
            assert one.condition == OURS or named, one.sid


def test_a_role_is_handed_on_to_one_service() -> None:
    passes = [one for one in every() if "iam:PassRole" in one.actions]
    assert {one.condition["StringEquals"]["iam:PassedToService"] for one in passes} == {
        ("ec2.amazonaws.com", "ec2.amazonaws.com.cn"),
        ("spotfleet.amazonaws.com", "spotfleet.amazonaws.com.cn"),
    }
    assert not [one for one in passes if "*" in "".join(one.resources)]


def test_a_statement_is_filled_in_and_written_in_iams_form() -> None:
    one = Statement(
        sid="Lease",
        task="wait",
        why="a lease is a tag",
        actions=("elasticloadbalancing:AddTags",),
        resources=("arn:{partition}:x:{region}:{account}:targetgroup/{target_groups}/*",),
        condition=NEW,
    )
    assert one.to_policy(FILL) == {
        "Sid": "Lease",
        "Effect": "Allow",
        "Action": ["elasticloadbalancing:AddTags"],
        "Resource": [
            "arn:aws:x:eu-west-1:1:targetgroup/website/*",
            "arn:aws:x:eu-west-1:1:targetgroup/blog/*",
        ],
        "Condition": {"StringLike": {"aws:RequestTag/spotkiln:release": "?*"}},
    }


def test_policies_are_as_many_as_iams_limit_makes_of_them() -> None:
    found = policies(every(), FILL)
    assert len(found) > 1
    assert all(size(one) <= 6144 for one in found)
    sids = [x["Sid"] for one in found for x in one["Statement"]]
    assert len(set(sids)) == len(sids)
    # Without an instance profile there is no role to hand on.
    assert "PassServerRoles" not in sids


@pytest.mark.parametrize("launcher", LauncherKind)
def test_of_the_launcher_that_is_not_asked_for_only_what_looks_is_needed(
    launcher: LauncherKind,
) -> None:
    names = Names(fleet_role="fleet", target_group="website", launcher=launcher)
    found = needed(cast(Any, None), names)
    actions = {action for one in found for action in one.actions}
    assert {"autoscaling:DescribeAutoScalingGroups", "ec2:DescribeSpotFleetRequests"} <= actions
    group = launcher is LauncherKind.GROUP
    assert ("autoscaling:CreateAutoScalingGroup" in actions) is group
    assert ("ec2:CancelSpotFleetRequests" in actions) is not group
    # Nobody passes a role to Auto Scaling.
    assert ("{fleet_role}" in {x for one in found for x in one.resources}) is not group
    assert not [one for one in found if one.part]


def test_weights_are_changed_only_where_there_are_two_target_groups() -> None:
    def asked(second: str) -> set[str]:
        return asked_for({"infra": {"second_target_group": second}})

    assert asked("website-green") - asked("") == {
        "cloudwatch:DescribeAlarms",
        "cloudwatch:GetMetricData",
        "elasticloadbalancing:CreateTargetGroup",
        "elasticloadbalancing:ModifyListener",
        "elasticloadbalancing:ModifyRule",
        "elasticloadbalancing:ModifyTargetGroupAttributes",
    }


def test_rights_are_asked_for_each_target_group_that_is_named() -> None:
    names = Names(fleet_role="fleet", target_group="website", also_behind=("internal", "admin"))
    assert names.target_groups == ("website", "internal", "admin")
    assert Names(fleet_role="fleet", target_group="a", second_target_group="b").target_groups == (
        "a", "b",
    )  # fmt: skip


def test_alarms_are_read_for_batches_too() -> None:
    batches = {"batches": ["1 for 1 s", "100 %"]}
    with_alarms = asked_for({"traffic": {**batches, "alarms": ["errors"]}})
    assert with_alarms - asked_for({"traffic": batches}) == {
        "cloudwatch:DescribeAlarms",
        "cloudwatch:GetMetricData",
    }


@pytest.mark.parametrize(
    ("deployment", "expected"),
    [
        ({"images": {"deprecate_after_days": 30}}, {"DateImages"}),
        ({"images": {"share_with": ["111111111111"]}}, {"ShareSnapshots"}),
        ({"images": {"take_from": {"region": "eu-west-1"}}}, {"CopyFrom", "CopyImages"}),
        ({"build": {"secrets": {"TOKEN": "ssm:/a"}}}, {"BuildParameters", "BuildSecrets"}),
        ({"infra": {"adopt": True}}, {"AdoptSpotFleets", "CancelAdopted", "EndAdopted"}),
        ({"build": {"spot": True}}, {one.sid for one in SPOT}),
        (
            {"build": {"ssh_interface": "session_manager", "instance_profile": "builders"}},
            {"EndSessions", "Sessions", "SessionDocuments"},
        ),
    ],
)
def test_what_may_be_left_out_is_asked_for_where_a_deployment_needs_it(
    deployment: dict[str, Any], expected: set[str]
) -> None:
    assert sids_for(deployment) - sids_for({}) == expected


@pytest.mark.parametrize(
    ("launcher", "granted", "expected"),
    [
        (LauncherKind.FLEET, ("a", "b"), []),
        (LauncherKind.FLEET, ("a",), ["iam:PassRole"]),
        (LauncherKind.GROUP, (), ["iam:PassRole"]),
    ],
)
def test_the_role_of_each_machine_must_be_one_that_may_be_handed_on(
    monkeypatch: pytest.MonkeyPatch,
    launcher: LauncherKind,
    granted: tuple[str, ...],
    expected: list[str],
) -> None:
    """The servers' own, and those of the machines that bake and test."""
    role = "arn:aws:iam::1:role/{}".format
    monkeypatch.setattr(rights, "_fill", lambda *_: {**FILL, "server_roles": (role("a"),)})
    monkeypatch.setattr(rights, "_roles_in", lambda _, name: (role(name),))
    asked_about = []

    class Roles(Iam):
        def paginate(self, **asked: Any) -> Any:
            if asked["ActionNames"] != ["iam:PassRole"]:
                return iter(())
            roles = {one.rpartition("/")[2] for one in asked["ResourceArns"]} - {"fleet"}
            asked_about.append(roles)
            allowed = roles <= {*granted}
            decision = "allowed" if allowed else "implicitDeny"
            one = {"EvalActionName": "iam:PassRole", "EvalDecision": decision}
            return iter([{"EvaluationResults": [one]}])

    names = Names(
        fleet_role="fleet", target_group="website", launcher=launcher, other_profiles=("b", "b")
    )
    aws = cast(Any, Account(Roles(role="worker")))
    assert rights.simulate(aws, names, "worker") == (expected, "")
    assert {"a", "b"} in asked_about


def test_the_rights_to_a_builds_secrets_are_asked_for_each_of_them() -> None:
    arn = "arn:aws:secretsmanager:eu-west-1:1:secret:x-abcdef"
    places = ["ssm:/build/token", "secret:build/token#key", f"secret:{arn}", "env:TOKEN"]
    assert build_secrets(places, "aws", "eu-west-1", "1") == {
        "build_parameters": ("arn:aws:ssm:eu-west-1:1:parameter/build/token",),
        "build_secrets": (
            "arn:aws:secretsmanager:eu-west-1:1:secret:build/token-??????",
            arn,
        ),
    }
    assert set(build_secrets([], "aws", "eu-west-1", "1").values()) == {()}


def test_two_launchers_may_need_the_same() -> None:
    one = Statement(sid="A", task="a", why="a", actions=("a:B",))
    assert together([one], [one, one.model_copy(update={"sid": "B"})])[0] is one
    assert len(together([one], [one])) == 1


def test_what_depends_on_a_condition_is_not_missing() -> None:
    assert missing(
        [
            Granted("ec2:StopInstances", allowed=True, conditional=False),
            Granted("ec2:TerminateInstances", allowed=False, conditional=True),
            Granted("ec2:DeleteSnapshot", allowed=False, conditional=False),
            Granted("ec2:DeleteSnapshot", allowed=False, conditional=False),
        ]
    ) == ["ec2:DeleteSnapshot"]


class Account:
    """Clients, known by themselves: answers are kept for each."""

    def __init__(self, iam: "Iam") -> None:
        self.iam = iam


class Iam:
    """Simulates for one role that may do what it is asked about with these target groups."""

    def __init__(self, *groups: str, role: str = "arn:aws:iam::1:role/servers") -> None:
        self.groups = groups
        self.role = role

    def get_paginator(self, operation: str) -> "Iam":
        assert operation == "simulate_principal_policy"
        return self

    def paginate(self, **asked: Any) -> Any:
        assert asked["PolicySourceArn"] == self.role
        names = [arn.split("/")[1] for arn in asked["ResourceArns"] if ":targetgroup/" in arn]
        decision = "allowed" if {*names} <= {*self.groups} else "implicitDeny"
        yield {
            "EvaluationResults": [
                {"EvalActionName": one, "EvalDecision": decision} for one in asked["ActionNames"]
            ]
        }


@pytest.mark.parametrize(
    ("groups", "lacking"),
    [(("website", "blog"), []), (("website",), ["elasticloadbalancing:DeregisterTargets"])],
)
def test_servers_must_be_allowed_to_leave_each_of_their_target_groups(
    monkeypatch: pytest.MonkeyPatch, groups: tuple[str, ...], lacking: list[str]
) -> None:
    fill = {**FILL, "server_roles": ("arn:aws:iam::1:role/servers",)}
    monkeypatch.setattr(rights, "_fill", lambda *_: fill)
    aws = cast(Any, Account(Iam(*groups)))
    names = Names(fleet_role="fleet", target_group="website", also_behind=("blog",))
    assert rights.simulate_servers(aws, names) == (lacking, "")


@pytest.mark.parametrize(
    ("launcher", "groups", "expected"),
    [
        (LauncherKind.FLEET, ("website", "blog"), ([], "")),
        (LauncherKind.FLEET, (), (["elasticloadbalancing:RegisterTargets"], "")),
        (LauncherKind.GROUP, (), ([], "none: Auto Scaling has its own")),
    ],
)
def test_the_role_that_a_fleet_launches_with_is_asked_about(
    monkeypatch: pytest.MonkeyPatch,
    launcher: LauncherKind,
    groups: tuple[str, ...],
    expected: tuple[list[str], str],
) -> None:
    role = "arn:aws:iam::1:role/fleets"
    monkeypatch.setattr(rights, "_fill", lambda *_: {**FILL, "fleet_role": (role,)})
    aws = cast(Any, Account(Iam(*groups, role=role)))
    names = Names(fleet_role="fleets", target_group="website", launcher=launcher)
    assert rights.simulate_role(aws, names) == expected


def test_servers_that_write_logs_must_be_allowed_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """The group itself may be there already."""
    role = "arn:aws:iam::1:role/servers"
    fill = {
        **FILL,
        "server_roles": (role,),
        "log_groups": ("arn:aws:logs:eu-west-1:1:log-group:a",),
    }
    monkeypatch.setattr(rights, "_fill", lambda *_: fill)

    class NoLogs(Iam):
        def paginate(self, **asked: Any) -> Any:
            (action,) = asked["ActionNames"]
            decision = "implicitDeny" if action.startswith("logs:") else "allowed"
            yield {"EvaluationResults": [{"EvalActionName": action, "EvalDecision": decision}]}

    aws = cast(Any, Account(NoLogs(role=role)))
    names = Names(fleet_role="fleet", target_group="website")
    assert rights.simulate_servers(aws, names) == ([], "")
    lacking, why = rights.simulate_servers(aws, names.model_copy(update={"log_group": "a"}))
    assert (lacking, why) == (["logs:CreateLogStream", "logs:PutLogEvents"], "")
