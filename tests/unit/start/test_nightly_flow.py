"""The nightly flow's form, and the deployment that is shipped."""

from typing import Any

import pytest
import yaml
from prefect.exceptions import ParameterTypeError

from scripts.flow_parameters import schema
from spotkiln.bake.base import BaseSpec
from spotkiln.flows.nightly import nightly
from spotkiln.start.night import NightSpec
from tests.unit.nouns import ROOT

SCHEMA = schema(nightly)
MODELS = {name: one for name, one in SCHEMA["definitions"].items() if one["type"] == "object"}
FIELDS = [(model, name) for model, one in MODELS.items() for name in one["properties"]]


def test_nothing_must_be_given() -> None:
    assert not SCHEMA.get("required")
    assert MODELS.keys() == {"AptSource", "BaseSpec", "Builder", "ImageDisk"}
    assert set(SCHEMA["properties"]) == set(NightSpec.model_fields)


@pytest.mark.parametrize("name", SCHEMA["properties"])
def test_every_parameter_is_described(name: str) -> None:
    one = SCHEMA["properties"][name]
    if "$ref" in one and "description" not in one:
        one = MODELS[one["$ref"].rpartition("/")[2]]
    assert one["description"].endswith(".")


@pytest.mark.parametrize(("model", "name"), FIELDS)
def test_every_field_has_a_title_and_a_description(model: str, name: str) -> None:
    field = MODELS[model]["properties"][name]
    assert field["title"]
    assert field["description"].endswith(".")


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"side_by_side": 0}, "side_by_side"),
        ({"quiet_hours": "22:00-06:00"}, "quiet_hours"),
        ({"quiet_hours": "22:00-06:00 Europe/Atlantis"}, "Europe/Atlantis"),
        ({"base": {"name": "Rails Base"}}, "base.name"),
        ({"builder": {"health_seconds": 5}}, "builder.health_seconds"),
    ],
)
def test_prefect_says_which_parameter_is_wrong(bad: dict[str, Any], said: str) -> None:
    with pytest.raises(ParameterTypeError, match=said):
        nightly.validate_parameters(bad)


def test_no_application_is_a_choice() -> None:
    given = nightly.validate_parameters({"applications": [], "base": {"packages": ["python3"]}})
    assert given["applications"] == ()
    assert given["base"] == BaseSpec(packages=["python3"])


def test_the_flow_itself_is_never_tried_again() -> None:
    assert nightly.retries == 0


def test_it_is_deployed_with_a_time_zone_and_one_at_a_time() -> None:
    deployments = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    (one,) = [x for x in deployments if x["entrypoint"] == "spotkiln.flows.nightly.nightly"]
    (schedule,) = one["schedules"]
    assert schedule.keys() == {"slug", "cron", "timezone"}
    assert one["concurrency_limit"] == {"limit": 1, "collision_strategy": "CANCEL_NEW"}
    nightly.validate_parameters(one.get("parameters", {}))
