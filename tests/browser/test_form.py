"""The forms: what they ask, what they say, and what they refuse in words."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import SIZE, Picture
from tests.browser.prefect_ui import APPLICATION, ASKED, PrefectUI
from tests.reliability.world import World

pytestmark = [pytest.mark.browser, pytest.mark.prefect, pytest.mark.sandbox]

PHONE = 390
# What the form asks of the server before it starts a run.
VALIDATES = re.compile("/ui/schemas/validate$")
REF = "a branch, a tag or a commit, as git writes it"
VERSION = "previous, current, an image such as ami-0f3c2d1e, or 4 or more characters of a commit"
GROUP = "a target group's name: letters, digits and hyphens, at most 32 of them"
NAME = "the name of a release's deployment, such as shop"
HOURS = "two different times and a time zone, such as 22:00-06:00 Europe/Berlin"


def open_form(ui: PrefectUI, flow: str, name: str = APPLICATION) -> PrefectUI:
    ui.open_deployment(flow, name)
    ui.custom_run()
    return ui


def runs(world: World, name: str) -> int:
    """Of the deployments of that name, however they ended."""
    answer = world.api.post("/flow_runs/count", json={"deployments": {"name": {"any_": [name]}}})
    return int(answer.raise_for_status().json())


def test_a_release_asks_for_the_commit_and_why(ui: PrefectUI, picture: Picture) -> None:
    form = open_form(ui, "release")
    assert form.titles() == ASKED
    expect(form.field("Commit")).to_contain_text("A branch, a tag or a commit. Empty: the ref of")
    expect(form.entry("Commit")).to_have_value("")
    expect(form.switch("Release again")).not_to_be_checked()
    # All of it is seen without scrolling.
    last = form.field(ASKED[-1]).bounding_box()
    assert last and last["y"] + last["height"] < SIZE["height"]
    picture("form", height=1060)
    fits_on_a_phone(form)


def test_a_rollback_asks_for_the_version_first(ui: PrefectUI, picture: Picture) -> None:
    form = open_form(ui, "rollback")
    assert form.titles() == ["Version", "Why", "Take the turn"]
    expect(form.entry("Version")).to_have_value("previous")
    picture("form-rollback")
    fits_on_a_phone(form)


def fits_on_a_phone(form: PrefectUI) -> None:
    form.page.set_viewport_size({"width": PHONE, "height": 844})
    expect(form.page.get_by_role("button", name="Submit", exact=True)).to_be_attached()
    for title in form.titles():
        box = form.field(title).bounding_box()
        assert box and box["x"] >= 0 and box["x"] + box["width"] <= PHONE, title


@pytest.mark.parametrize(
    ("flow", "name", "title", "wrong", "said"),
    [
        ("release", APPLICATION, "Commit", ["v2 new", "main..v2"], REF),
        ("rollback", APPLICATION, "Version", ["the one before"], VERSION),
        ("nightly", "nightly", "Quiet hours", ["22:00-06:00 Europe/Atlantis"], HOURS),
        ("reconcile", "reconcile", "Target group", ["the shop's"], GROUP),
    ],
    ids=["ref", "version", "time zone", "target group"],
)
def test_what_does_not_fit_starts_nothing(
    ui: PrefectUI, world: World, flow: str, name: str, title: str, wrong: list[str], said: str
) -> None:
    form = open_form(ui, flow, name)
    before = runs(world, name)
    refused = form.field(title).get_by_text(said)
    for one in wrong:
        form.entry(title).fill(one)
        with form.page.expect_response(VALIDATES):
            form.submit(refused)
        expect(form.entry(title)).to_have_value(one)
    assert runs(world, name) == before


def test_a_command_must_be_given(ui: PrefectUI, world: World) -> None:
    form = open_form(ui, "run", "command")
    assert form.titles() == ["Application", "Command and its arguments", "Limit (s)"]
    before = runs(world, "command")
    form.entry("Application").first.fill("rollback/shop")
    form.submit(form.field("Application").get_by_text(NAME))
    expect(form.entry("Application").first).to_have_value("rollback/shop")
    form.entry("Application").first.fill(APPLICATION)
    form.submit(form.field("Command and its arguments").get_by_text("'command' is a required"))
    assert runs(world, "command") == before


def test_a_takedown_asks_for_what_a_person_must_decide(ui: PrefectUI, world: World) -> None:
    form = open_form(ui, "retire", "application")
    assert form.titles() == [
        "Deployment", "Versions that served", "The deployment's name once more",
        "The last servers may go",
    ]  # fmt: skip
    expect(form.switch("The last servers may go")).not_to_be_checked()
    before = runs(world, "application")
    form.entry("Deployment").fill(APPLICATION)
    form.submit(form.field("Versions that served").get_by_text("'versions' is a required"))
    assert runs(world, "application") == before
