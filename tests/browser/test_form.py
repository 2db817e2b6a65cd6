"""The form of a release: what it says, what it offers, and what it refuses."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect
from pydantic import BaseModel

from spotkiln.bake.app import AppSpec
from spotkiln.bake.builder import BuildSettings
from spotkiln.bake.description import FILE_ALONE
from spotkiln.bake.infra import InfraNames
from spotkiln.release.release import Approval
from spotkiln.serve.gate import GatePolicy
from spotkiln.serve.spec import AllocationStrategy, FleetSpec
from tests.browser.conftest import Picture
from tests.browser.prefect_ui import APPLICATION, PrefectUI
from tests.reliability.world import World

pytestmark = [pytest.mark.browser, pytest.mark.prefect, pytest.mark.sandbox]

SECTIONS = [
    *("Application", "Fleet", "Infrastructure", "Build", "Health gate", "Approval by a person"),
    *("Release again", "Release even if held", "Keep a rejected image", "Versions kept"),
]
MODELS: list[type[BaseModel]] = [
    *(AppSpec, FleetSpec, InfraNames, BuildSettings, GatePolicy, Approval),
]


@pytest.fixture
def form(ui: PrefectUI) -> PrefectUI:
    ui.open_deployment("release")
    ui.custom_run()
    return ui


def texts() -> Iterator[tuple[str, str]]:
    """Title and description of each field."""
    for model in MODELS:
        for name, field in model.model_fields.items():
            if model is AppSpec and name in FILE_ALONE:
                continue
            assert field.title, f"{model.__name__}.{name} has no title"
            assert field.description, f"{model.__name__}.{name} has no description"
            yield field.title, field.description


def runs(world: World) -> int:
    """Of the deployment, however they ended."""
    answer = world.api.post(
        "/flow_runs/count", json={"deployments": {"name": {"any_": [APPLICATION]}}}
    )
    return int(answer.raise_for_status().json())


def test_every_field_says_what_it_is(form: PrefectUI, picture: Picture) -> None:
    for title in SECTIONS:
        expect(form.field(title)).to_have_count(1)
    for title, description in texts():
        field = form.field(title)
        expect(field).to_have_count(1)
        # The form takes it for markdown.
        expect(field).to_contain_text(description.replace("`", ""))
    picture("form")


def test_what_is_taken_when_a_field_is_left_alone(form: PrefectUI) -> None:
    # Open, for the application's own spotkiln.yaml to say.
    expect(form.entry("Port")).to_have_value("")
    expect(form.entry("Test command")).to_have_value("")
    expect(form.entry("Capacity")).to_have_value("2")
    expect(form.entry("Instance types")).to_have_count(3)
    expect(form.entry("Instance types").last).to_have_value("t3.small")
    # Derived from the target group unless somebody fills it in; one field, and no choice of types.
    expect(form.entry("Grace period (s)")).to_have_value("")
    expect(form.entry("Health deadline (s)")).to_have_value("")


def test_a_choice_offers_what_there_is(form: PrefectUI) -> None:
    expect(form.offered("Allocation strategy")).to_have_text(list(AllocationStrategy))


@pytest.mark.parametrize(
    ("title", "wrong", "said"),
    [
        ("Capacity", "0", "'fleet.capacity'. Failure reason: 0 is less than the minimum of 1"),
        ("Grace period (s)", "9999", "9999 is greater than the maximum of 7200"),
        ("Git ref", "v2 new", "'app.ref'. Failure reason: 'v2 new' does not match"),
        ("Git repository", "https://me:hush@git.test/x.git", "'app.repository'. Failure reason"),
        ("Start command", "cd web && node server.js", "'app.start'. Failure reason"),
        ("Start command", "node a.js & node b.js", "'app.start'. Failure reason"),
    ],
    ids=["number", "optional number", "ref", "password", "cd", "two commands"],
)
def test_what_does_not_fit_starts_nothing(
    form: PrefectUI, world: World, title: str, wrong: str, said: str
) -> None:
    before = runs(world)
    form.entry(title).fill(wrong)
    form.submit(form.page.get_by_text(said))
    expect(form.entry(title)).to_have_value(wrong)
    assert runs(world) == before
