"""A release started by filling in the form, and followed to its page."""

import re

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import Picture
from tests.browser.prefect_ui import APPLICATION, LOOKS, PrefectUI, commit_again, commit_of, fill_in
from tests.reliability.truth import Truth
from tests.reliability.world import World

pytestmark = [pytest.mark.browser, pytest.mark.prefect, pytest.mark.sandbox]

STAGES = [
    *("1 look up: infrastructure", "1 look up: check out", "2 bake: image", "3 test: in the image"),
    *("4 launch: request fleet", "4 launch: health gate", "5 retire: old fleets"),
]
PHASES = ["look up", "wait", "bake", "test", "launch", "gate", "retire"]


def headings(shown: Locator) -> list[str]:
    # On a busy machine the page is there a moment before its text is, and may be drawn once more.
    for _ in range(LOOKS):
        expect(shown.get_by_role("heading").first).to_be_visible()
        if found := shown.get_by_role("heading").all_inner_texts():
            return [one.strip() for one in found]
    raise AssertionError("no heading stays")


def test_green(ui: PrefectUI, world: World, serving: Truth, picture: Picture) -> None:
    # Tests share their images: of v2 there may be one.
    commit = commit_again(world, "v2", "v3")
    fill_in(ui, "v3")
    ui.entry("Why").fill("*Ada* waits for it")
    ui.submit()
    ui.follow("Released")
    expect(ui.page.get_by_label("breadcrumb").first).to_contain_text(
        f"{APPLICATION} {commit[:7]} ui"
    )
    ui.until_steps(dict.fromkeys(STAGES, "Completed"))
    ui.show_whole_graph()
    picture("release")

    truth = world.settled()
    assert truth.problems() == []
    assert truth.commit == commit

    run = ui.page.url
    shown = ui.open_artifact(f"release-{APPLICATION}-")
    assert headings(shown)[0] == f"{APPLICATION}: released"
    facts = (truth.image, truth.fleet, "website in eu-west-1", "0 failed", "*Ada* waits for it")
    for fact in (commit[:12], *facts):
        expect(shown).to_contain_text(fact)
    expect_picture(shown)
    assert "Retired" in headings(shown)
    picture("release-page", height=1350)

    ui.open_run(run)
    table = ui.open_artifact(f"releases-{APPLICATION}").get_by_role("row")
    expect(table.nth(1)).to_contain_text(commit[:12])
    expect(table.nth(1)).to_contain_text("released")
    served = table.filter(has_text=serving.commit[:12]).filter(has_text="released")
    expect(served.first).to_be_visible()


def expect_picture(shown: Locator) -> None:
    """Of all phases, and it is drawn."""
    image = shown.get_by_role("img")
    expect(image).to_be_visible()
    # Its frame is there before it is.
    expect(image).to_have_js_property("complete", True)
    assert image.evaluate("image => image.naturalWidth") > 0
    words = image.get_attribute("alt") or ""
    assert re.search(".*".join(rf"{phase} [0-9.]+ s" for phase in PHASES), words)


def test_red(ui: PrefectUI, world: World, serving: Truth, picture: Picture) -> None:
    fill_in(ui, "red")
    ui.submit()
    ui.come_back("Failed")
    ui.until_steps({"3 test: in the image": "Failed"})
    shown = ui.open_artifact(f"release-{APPLICATION}-")
    assert headings(shown)[:2] == [
        f"{APPLICATION}: failed before any server was asked for",
        "Failing tests",
    ]
    examples = shown.get_by_role("listitem")
    expect(examples.first).to_be_visible()
    # They are what is seen without scrolling.
    expect(examples.first).to_be_in_viewport()
    picture("red")
    assert world.settled() == serving


def ask_first(ui: PrefectUI, world: World, ref: str) -> Locator:
    """What a person is asked before a release of a new commit, where the deployment says so. `ref`
    is what it is called, and its only file is about: of the same files nobody would be asked."""
    commit_again(world, "v2", ref)
    deployment = world.api.get(f"/deployments/name/release/{APPLICATION}").raise_for_status()
    asked = {"ref": ref, "why": "*Ada* waits for it", "approval": {"required": True}}
    started = world.api.post(
        f"/deployments/{deployment.json()['id']}/create_flow_run", json={"parameters": asked}
    )
    run = started.raise_for_status().json()["id"]
    ui.open_run(f"{ui.address}/runs/flow-run/{run}")
    ui.wait_for(re.compile("Suspended"))
    return ui.resume()


def test_one_that_asks_first(ui: PrefectUI, world: World, serving: Truth, picture: Picture) -> None:
    asked = ask_first(ui, world, "approved")
    assert world.settled() == serving
    for change in (
        f"serves now: {serving.fleet}",
        "launch: 2 of t3.micro",
        f"retire: {serving.fleet}",
        "why: *Ada* waits for it",
    ):
        expect(asked).to_contain_text(change)
    ui.choose("Decision", "approve")
    ui.entry("Who").fill("Ada")
    ui.entry("Comment").fill("Looks good")
    # All of it, with the answer.
    picture("approval", height=1200)
    ui.answer()
    ui.come_back("Released")
    assert world.settled().commit == commit_of(world, "approved")
    shown = ui.open_artifact(f"release-{APPLICATION}-")
    expect(shown).to_contain_text("approved by Ada: Looks good")


def test_one_that_is_rejected(ui: PrefectUI, world: World, serving: Truth) -> None:
    ask_first(ui, world, "rejected")
    ui.choose("Decision", "reject")
    ui.entry("Who").fill("Bob")
    ui.entry("Comment").fill("not on a Friday")
    ui.answer()
    ui.come_back("Declined")
    assert world.settled() == serving
    shown = ui.open_artifact(f"release-{APPLICATION}-")
    assert headings(shown)[0] == f"{APPLICATION}: declined: nothing was changed"
    expect(shown).to_contain_text("rejected by Bob: not on a Friday")
