"""What the form in the Prefect UI knows of the flows' parameters."""

from typing import Any

import pytest
from prefect import Flow
from prefect.utilities.callables import parameter_schema

from spotkiln.flows.nightly import nightly
from spotkiln.flows.reconcile import reconcile
from spotkiln.flows.release import release
from spotkiln.flows.rollback import rollback


def schema(flow: Flow[..., Any]) -> dict[str, Any]:
    found: dict[str, Any] = parameter_schema(flow.fn).model_dump()
    return found


@pytest.mark.parametrize("flow", [release, rollback, nightly, reconcile])
def test_every_parameter_has_a_title(flow: Flow[..., Any]) -> None:
    titles = {name: one.get("title", name) for name, one in schema(flow)["properties"].items()}
    assert [name for name, title in titles.items() if title == name] == []


def test_a_rollback_needs_no_form() -> None:
    """Else a quick run in the UI asks first."""
    assert not schema(rollback).get("required")


def test_a_number_that_may_be_left_out_is_one_field() -> None:
    gate = schema(release)["definitions"]["GatePolicy"]["properties"]
    assert gate["grace_seconds"]["type"] == "integer"
    assert gate["grace_seconds"]["maximum"] == 7200
    assert "default" not in gate["grace_seconds"]


def test_a_yes_or_no_that_may_be_left_out_is_no_switch() -> None:
    """The form sends `false` for a switch that nobody has touched."""
    notify = schema(release)["definitions"]["AppSpec"]["properties"]["notify"]
    assert notify["enum"] == [True, False]
    assert notify.keys().isdisjoint({"type", "default", "anyOf"})
