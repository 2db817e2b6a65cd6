"""What the form in the Prefect UI asks, and what it refuses in words."""

from typing import Any

import pytest
from prefect import Flow
from prefect.exceptions import ParameterTypeError
from prefect.utilities.callables import parameter_schema
from prefect.utilities.schema_tools.validation import ValidationError, validate

from scripts import flow_parameters
from spotkiln.flows.nightly import nightly
from spotkiln.flows.reconcile import reconcile
from spotkiln.flows.release import release
from spotkiln.flows.retire import retire
from spotkiln.flows.rollback import rollback
from spotkiln.flows.run import run
from spotkiln.flows.steer import steer

REF = "a branch, a tag or a commit, as git writes it: no space, no .., none of ~ ^ : ? * ["
VERSION = "previous, current, an image such as ami-0f3c2d1e, or 4 or more characters of a commit"
WHO = "who breaks the freeze and why, in one line, as alice: no orders come in"
NAME = "the name of a release's deployment, such as shop"
GROUP = "a target group's name: letters, digits and hyphens, at most 32 of them"
COMMAND = "a program and its arguments, each by itself, such as bin/rails db:version"
HOURS = "two different times and a time zone, such as 22:00-06:00 Europe/Berlin"

# What cannot be left out.
NEEDED: dict[str, dict[str, Any]] = {
    "run": {"app": "shop", "command": ["bin/rails", "db:version"]},
    "retire": {"deployment": "shop", "versions": "keep", "confirm": "shop"},
    "steer": {"deployment": "shop", "word": "abort"},
}


def form(flow: Flow[..., Any]) -> dict[str, Any]:
    """As a deployment gets it."""
    return parameter_schema(flow).model_dump_for_openapi()


@pytest.mark.parametrize(
    ("flow", "asked"),
    [
        (
            release,
            ["Commit", "Why", "Release again", "Release even if held", "Release in a freeze"],
        ),
        (rollback, ["Version", "Why", "Take the turn"]),
        (nightly, ["Release even if nothing has changed", "Applications", "Quiet hours"]),
        (reconcile, ["Dry run", "Target group"]),
        (run, ["Application", "Command and its arguments", "Limit (s)"]),
        (
            retire,
            [
                "Deployment",
                "Versions that served",
                "The deployment's name once more",
                "The last servers may go",
            ],
        ),
        (steer, ["Deployment", "What it is to do"]),
    ],
    ids=lambda one: one.name if isinstance(one, Flow) else "",
)
def test_what_belongs_to_one_run_is_asked(flow: Flow[..., Any], asked: list[str]) -> None:
    """In the order in which the UI shows it; and nothing else, for it folds nothing."""
    fields = sorted(form(flow)["properties"].values(), key=lambda one: one["position"])
    assert [one["title"] for one in fields] == asked
    # The newer UI shows no markdown.
    assert not [one for one in fields if "`" in one["description"]]
    assert all(one["description"].endswith(".") for one in fields)


@pytest.mark.parametrize("flow", [release, rollback, nightly, reconcile])
def test_one_click_is_enough(flow: Flow[..., Any]) -> None:
    """Else a quick run in the UI asks first."""
    assert "required" not in form(flow)


@pytest.mark.parametrize(
    ("flow", "bad", "said"),
    [
        (release, {"ref": "v2 new"}, REF),
        (release, {"ref": "a..b"}, REF),
        (release, {"ref": "--upload-pack=x"}, REF),
        (release, {"break_glass": "no orders come in"}, WHO),
        (rollback, {"version": "the one before"}, VERSION),
        (rollback, {"version": "3f2"}, VERSION),
        (run, {"app": ""}, NAME),
        (run, {"app": "rollback/shop"}, NAME),
        (run, {"command": []}, COMMAND),
        (run, {"command": ["", "db:version"]}, COMMAND),
        (run, {"command": "bin/rails db:version"}, COMMAND),
        (retire, {"deployment": "rollback/shop"}, NAME),
        (retire, {"confirm": ""}, NAME),
        (reconcile, {"target_group": "arn:aws:elasticloadbalancing:eu-west-1:1:x"}, GROUP),
        (nightly, {"quiet_hours": "22:00-06:00 Europe/Atlantis"}, HOURS),
        (nightly, {"quiet_hours": "22:00-22:00 Europe/Berlin"}, HOURS),
        (nightly, {"quiet_hours": "at night"}, HOURS),
    ],
)
def test_what_is_wrong_is_said_in_words(
    flow: Flow[..., Any], bad: dict[str, Any], said: str
) -> None:
    given = {**NEEDED.get(flow.name, {}), **bad}
    with pytest.raises(ValidationError) as refused:
        validate(given, form(flow), raise_on_error=True)
    (field,) = bad
    why = f"Validation failed for field {field!r}. Failure reason: {said!r} was expected"
    assert str(refused.value) == why


@pytest.mark.parametrize(
    ("flow", "good"),
    [
        (release, {"ref": ""}),
        (release, {"ref": "feature/a+b", "why": "two\nlines, with ~ and *", "force": True}),
        (rollback, {"version": "previous"}),
        (rollback, {"version": ""}),
        (rollback, {"version": "ami-0f3c2d1e"}),
        (rollback, {"version": "3F2a", "take_turn": True}),
        (run, {"app": "release/shop", "command": ["bin/rails", ""]}),
        (retire, {"deployment": "release/shop", "confirm": "shop", "last_servers": True}),
        (retire, {"deployment": "The shop's own", "confirm": "The shop's own"}),
        (reconcile, {"target_group": "", "dry_run": True}),
        (reconcile, {"target_group": "Shop-2"}),
        (nightly, {"quiet_hours": "", "applications": []}),
        (nightly, {"quiet_hours": "22:00-06:00 America/Argentina/Buenos_Aires"}),
    ],
)
def test_what_is_right_is_taken(flow: Flow[..., Any], good: dict[str, Any]) -> None:
    given = {**NEEDED.get(flow.name, {}), **good}
    validate(given, form(flow), raise_on_error=True)
    app = {"app": {"repository": "x"}} if flow in (release, rollback) else {}
    flow.validate_parameters({**app, **given})


def test_the_flow_refuses_what_no_form_has_seen() -> None:
    with pytest.raises(ParameterTypeError, match="ref: Value error, expected the name of a branch"):
        release.validate_parameters({"app": {"repository": "x"}, "ref": "a b"})


def test_a_deployment_may_be_named_with_its_flow() -> None:
    given = {"deployment": "release/shop", "versions": "keep", "confirm": "release/shop"}
    taken = retire.validate_parameters(given)
    assert (taken["deployment"], taken["confirm"]) == ("shop", "shop")


# -- what no form shows, and a deployment gives --


def test_a_number_that_may_be_left_out_is_told_as_one() -> None:
    gate = flow_parameters.schema(release)["definitions"]["GatePolicy"]["properties"]
    assert gate["grace_seconds"]["type"] == "integer"
    assert gate["grace_seconds"]["maximum"] == 7200
    assert "default" not in gate["grace_seconds"]
