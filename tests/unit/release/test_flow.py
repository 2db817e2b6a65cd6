"""What a release may be asked for: by its form, and by a deployment."""

from typing import Any

import botocore.session
import pytest
from prefect.exceptions import ParameterTypeError
from prefect.utilities.callables import parameter_schema
from prefect.utilities.schema_tools import validation
from pydantic import BaseModel

from scripts.flow_parameters import schema
from spotkiln.bake.app import AppSpec
from spotkiln.bake.builder import BuildSettings
from spotkiln.bake.configuration import Configuration
from spotkiln.bake.disk import Disk, ImageDisk
from spotkiln.bake.elsewhere import Elsewhere
from spotkiln.bake.infra_names import InfraNames
from spotkiln.bake.logs import Logs
from spotkiln.flows.release import release
from spotkiln.flows.rollback import rollback
from spotkiln.keep.upkeep import Images
from spotkiln.release.hook import Hook, Hooks
from spotkiln.release.on_commit import OnCommit
from spotkiln.release.release import Approval
from spotkiln.release.vulnerabilities import Accepted, Vulnerabilities
from spotkiln.serve.attributes import Attributes
from spotkiln.serve.gate import GatePolicy
from spotkiln.serve.scaling import Scaling, Scheduled
from spotkiln.serve.spec import FleetSpec
from spotkiln.serve.traffic import Traffic

SCHEMA = schema(release)
MODELS = {name: one for name, one in SCHEMA["definitions"].items() if one["type"] == "object"}
CLASSES: dict[str, type[BaseModel]] = {
    one.__name__: one
    for one in (
        AppSpec,
        Approval,
        FleetSpec,
        InfraNames,
        BuildSettings,
        Scaling,
        Scheduled,
        GatePolicy,
        Traffic,
        Configuration,
        Images,
        Elsewhere,
        Logs,
        OnCommit,
        Hooks,
        Hook,
        Vulnerabilities,
        Accepted,
        Attributes,
        Disk,
        ImageDisk,
    )
}
FIELDS = [(model, name) for model, one in MODELS.items() for name in one["properties"]]


def test_one_thing_must_be_given() -> None:
    assert SCHEMA["required"] == ["app"]
    assert MODELS["AppSpec"]["required"] == ["repository"]
    assert {n for n, one in MODELS.items() if one.get("required")} == {
        "AppSpec",
        "Accepted",
        "Scheduled",
    }
    assert MODELS.keys() == CLASSES.keys()


@pytest.mark.parametrize("name", SCHEMA["properties"])
def test_every_parameter_is_described(name: str) -> None:
    one = SCHEMA["properties"][name]
    if "$ref" in one and "description" not in one:
        one = MODELS[one["$ref"].rpartition("/")[2]]
    assert one["description"].endswith(".")


@pytest.mark.parametrize(("model", "name"), FIELDS)
def test_every_field_has_a_title_and_a_description(model: str, name: str) -> None:
    field = MODELS[model]["properties"][name]
    # Not one that pydantic has derived from the name: `Fulfilment Seconds`.
    assert CLASSES[model].model_fields[name].title == field["title"]
    assert field["description"].endswith(".")


@pytest.mark.parametrize("model", MODELS)
def test_unknown_fields_are_refused(model: str) -> None:
    assert MODELS[model]["additionalProperties"] is False


def test_every_way_of_choosing_pools_that_ec2_knows_can_be_chosen() -> None:
    """But the one for which each type would need a priority: the form has none."""
    ec2 = botocore.session.get_session().get_service_model("ec2")
    known = set(ec2.shape_for("AllocationStrategy").metadata["enum"])
    chosen = set(SCHEMA["definitions"]["AllocationStrategy"]["enum"])
    assert known - chosen == {"capacityOptimizedPrioritized"}
    assert chosen < known


def test_every_number_has_bounds() -> None:
    for model, name in FIELDS:
        field = MODELS[model]["properties"][name]
        kinds = [field, *field.get("anyOf", [])]
        number = next((kind for kind in kinds if kind.get("type") == "integer"), None)
        if number and (model, name) != ("FleetSpec", "on_demand"):
            assert {"minimum", "maximum"} <= number.keys(), f"{model}.{name}"
    assert SCHEMA["properties"]["keep_versions"]["minimum"] == 1


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"app": {}}, "app.repository"),
        ({"app": {"repository": "x", "ref": "-x"}}, "app.ref"),
        ({"fleet": {"capacity": 0}}, "fleet.capacity"),
        ({"fleet": {"capcity": 1}}, "fleet.capcity"),
        ({"keep_versions": 0}, "keep_versions"),
    ],
)
def test_prefect_says_which_parameter_is_wrong(bad: dict[str, Any], said: str) -> None:
    with pytest.raises(ParameterTypeError, match=said):
        release.validate_parameters({"app": {"repository": "x"}, **bad})


def test_what_was_given_wrongly_is_not_repeated_in_a_log(caplog: pytest.LogCaptureFixture) -> None:
    app = {"name": "shop", "repository": "https://build:hunter2@git.example/shop"}
    with pytest.raises(ParameterTypeError, match="a password or token in the URL") as refused:
        release.validate_parameters({"app": app})
    assert "the flow's parameters were refused" in caplog.text.lower()
    assert "hunter2" not in caplog.text + str(refused.value)


def test_the_flow_itself_is_never_tried_again() -> None:
    """Its steps are; a second run of the whole would bake and launch twice."""
    assert release.retries == 0


ALL_OF_A_RELEASE: dict[str, Any] = {
    "app": {"repository": "x"},
    "ref": "v2",
    "why": "for Ada",
    "fleet": {"capacity": 3},
    "infra": {"target_group": "shop"},
    "build": {"instance_type": "t3.large"},
    "gate": {},
    "traffic": {"steps": ["10 % for 5 min", "100 %"]},
    "configuration": {"parameters": ["/shop/production/"]},
    "test_configuration": {"parameters": ["/shop/test/"]},
    "approval": {"required": True},
    "force": True,
    "even_if_held": True,
    "keep_rejected": True,
    "keep_versions": 3,
    "images": {"deprecate_after_days": 90},
    "freeze": ["Fri 16:00 - Mon 07:00 Europe/Berlin"],
    "break_glass": "alice: no orders come in",
    "on_commit": {"secret": "github-token", "environment": "production"},
    "hooks": {"secret": "hooks", "after_step": {"url": "https://hooks.example.com/shop"}},
    "vulnerabilities": {"debian": "https://tracker.example/debsecan", "refuse": "critical"},
}


def test_a_rollback_takes_whatever_a_release_takes() -> None:
    """Their deployments share their parameters (docs/applications.md). Prefect refuses a run for a
    parameter that its flow does not name: it would be found out when something must go back."""
    assert ALL_OF_A_RELEASE.keys() == SCHEMA["properties"].keys()
    taken = rollback.validate_parameters(ALL_OF_A_RELEASE)
    assert taken["configuration"] == Configuration(parameters=("/shop/production/",))


def test_what_a_rollback_does_not_use_cannot_refuse_it() -> None:
    bad = {"build": {"instence_type": "t3.large"}, "approval": "yes"}
    rollback.validate_parameters({**ALL_OF_A_RELEASE, **bad})


def test_the_form_of_a_rollback_shows_what_it_uses_alone() -> None:
    shown = parameter_schema(rollback).model_dump()
    assert list(shown["properties"]) == ["version", "why", "take_turn"]
    validation.validate(ALL_OF_A_RELEASE, shown, raise_on_error=True)
