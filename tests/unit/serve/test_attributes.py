"""What servers must have, where a deployment names no types."""

from typing import Any

import pytest

from spotkiln.serve.attributes import Attributes, types_in_words
from spotkiln.serve.order import settings_digest
from spotkiln.serve.spec import FleetSpec, LauncherKind, next_attempt
from tests.unit import nouns, shapes

ASKED = {"vcpus": 2, "most_vcpus": 4, "memory_gib": 3.5}
SPEC = FleetSpec.model_validate({"attributes": ASKED, "on_demand_fallback": True})


@pytest.mark.parametrize("launcher", LauncherKind)
def test_they_take_the_place_of_types(launcher: LauncherKind) -> None:
    spec = FleetSpec.model_validate({"attributes": ASKED, "launcher": launcher})
    (override,) = spec.overrides
    assert override == {
        "InstanceRequirements": {
            "VCpuCount": {"Min": 2, "Max": 4},
            "MemoryMiB": {"Min": 3584},
            "InstanceGenerations": ["current"],
            "AcceleratorCount": {"Max": 0},
        }
    }
    assert spec.in_words == "2 of any type with 2 to 4 vCPUs, 3.5 or more GiB"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"burstable": True}, {"BurstablePerformance": "included"}),
        ({"without": ["c5*", "*.metal"]}, {"ExcludedInstanceTypes": ["c5*", "*.metal"]}),
        ({"most_memory_gib": 8}, {"MemoryMiB": {"Min": 3584, "Max": 8192}}),
    ],
)
def test_what_is_asked_for_is_in_the_request(more: dict[str, Any], said: dict[str, Any]) -> None:
    asked = Attributes.model_validate({**ASKED, **more}).to_aws()
    assert asked == asked | said
    parameters = {
        "ArchitectureTypes": ["x86_64"],
        "VirtualizationTypes": ["hvm"],
        "InstanceRequirements": asked,
    }
    assert shapes.problems("ec2", "GetInstanceTypesFromInstanceRequirements", parameters) == []


def test_it_comes_back_from_where_it_is_kept() -> None:
    """Prefect stores a deployment's parameters with all that was left open."""
    assert FleetSpec.model_validate(SPEC.model_dump(mode="json")) == SPEC
    assert FleetSpec.model_validate(FleetSpec().model_dump(mode="json")) == FleetSpec()


def test_without_spot_capacity_on_demand_is_next() -> None:
    found = next_attempt(SPEC, 1)
    assert found is not None
    assert (found.on_demand, found.attributes) == (1, SPEC.attributes)


def test_prices_and_quotas_go_by_names() -> None:
    named = SPEC.of_types(("c5.large", "m5.large"))
    assert named.instance_types == ["c5.large", "m5.large"]
    assert named.overrides == [{"InstanceType": "c5.large"}, {"InstanceType": "m5.large"}]
    assert FleetSpec().of_types(()) == FleetSpec()


def test_types_that_aws_offers_later_are_no_change_of_settings() -> None:
    few, more = nouns.infra(types=("c5.large",)), nouns.infra(types=("c5.large", "c9.large"))
    assert settings_digest(SPEC, few) == settings_digest(SPEC, more)
    assert settings_digest(SPEC, few) != settings_digest(FleetSpec(), few)


def test_the_first_types_are_told_by_name() -> None:
    assert types_in_words(["c5.large"]) == "1 type now: c5.large"
    many = [f"c{number}.large" for number in range(20)]
    assert types_in_words(many).startswith("20 types now: c0.large, c1.large")
    assert types_in_words(many).endswith("c7.large and 12 more")
