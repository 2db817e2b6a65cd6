"""Which rights a release needs, and what a simulation says of them."""

from collections.abc import Mapping
from typing import Any, cast

import pytest

from spotkiln.aws.release.rights import needed
from spotkiln.aws.serve.auto_scaling import rights as auto_scaling
from spotkiln.aws.serve.spot_fleet import rights as spot_fleet
from spotkiln.release.rights import NEEDED, Granted, Names, missing, together
from spotkiln.serve.spec import LauncherKind
from tests.unit.nouns import ROOT

LAUNCHERS = (spot_fleet.ACTIONS, auto_scaling.ACTIONS)


def test_the_documentation_names_each() -> None:
    text = (ROOT / "docs" / "aws.md").read_text()
    every = [one for found in together(NEEDED, *LAUNCHERS).values() for one in found]
    assert [one for one in every if one.partition(":")[2] not in text] == []


@pytest.mark.parametrize("actions", LAUNCHERS)
def test_each_is_asked_for_once_of_one_kind_of_thing(
    actions: Mapping[str, tuple[str, ...]],
) -> None:
    every = [one for table in (NEEDED, actions) for found in table.values() for one in found]
    assert len(every) == len(set(every))
    assert set(together(NEEDED, actions)) == NEEDED.keys() | actions.keys()
    # Of a launcher that is not asked for only these are needed.
    looks = [one.partition(":")[2] for one in actions["*"]]
    assert [one for one in looks if not one.startswith("Describe")] == []


@pytest.mark.parametrize("launcher", LauncherKind)
def test_of_the_launcher_that_is_not_asked_for_only_what_looks_is_needed(
    launcher: LauncherKind,
) -> None:
    names = Names(fleet_role="fleet", target_group="website", launcher=launcher)
    found = needed(cast(Any, None), names)
    every = {one for actions in found.values() for one in actions}
    assert {"autoscaling:DescribeAutoScalingGroups", "ec2:DescribeSpotFleetRequests"} <= every
    group = launcher is LauncherKind.GROUP
    assert ("autoscaling:CreateAutoScalingGroup" in every) is group
    assert ("ec2:CancelSpotFleetRequests" in every) is not group
    # Nobody passes a role to Auto Scaling.
    assert ("{fleet_role}" in found) is not group
    assert all(len(actions) == len(set(actions)) for actions in found.values())


def test_what_depends_on_a_condition_is_not_missing() -> None:
    assert missing(
        [
            Granted("ec2:StopInstances", allowed=True, conditional=False),
            Granted("ec2:TerminateInstances", allowed=False, conditional=True),
            Granted("ec2:DeleteSnapshot", allowed=False, conditional=False),
            Granted("ec2:DeleteSnapshot", allowed=False, conditional=False),
        ]
    ) == ["ec2:DeleteSnapshot"]
