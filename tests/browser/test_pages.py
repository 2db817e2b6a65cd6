"""What Prefect's newer UI shows of a run: how far it is, how it ended, and its pages, wide and
narrow, light and dark."""

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.browser.conftest import SIZE, UNHURRIED
from tests.browser.prefect_ui import APPLICATION, commit_of, show_all, until_shown
from tests.browser.visit import visit
from tests.reliability.truth import Truth
from tests.reliability.world import MACHINES, STAND_IN, World

pytestmark = [pytest.mark.browser, pytest.mark.prefect, pytest.mark.sandbox]

RUN_SECONDS = 300.0
LOOK_SECONDS = 0.5
FAR = re.compile(r"([234] [a-z ]+: [a-z ]+) · (\d+ %: [^\n]+)")
GATE = "4 launch: health gate"
ENDED = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
NARROW = 390
# What is wider than the page has a bar of its own to be moved by, and nobody reads it on a phone.
WIDER = """
page => [...page.querySelectorAll('p, li, blockquote, code, h1, h2, img')]
  .filter(one => one.getBoundingClientRect().right > window.innerWidth + 1)
  .map(one => one.innerText || one.alt)
"""


class Pages:
    def __init__(self, page: Page, world: World) -> None:
        self.page = page
        self._world = world

    def start(self, ref: str, **more: Any) -> str:
        """A run of its deployment, as the form makes one. `more` of the application."""
        app = {"name": APPLICATION, "repository": str(self._world.repository), "ref": ref, **more}
        gate = {"polls": 1, "boot_seconds": 20}
        found = self._world.api.get(f"/deployments/name/release/{APPLICATION}").json()
        given = {"app": app, "gate": gate, "even_if_held": True, "force": True}
        answer = self._world.api.post(
            f"/deployments/{found['id']}/create_flow_run", json={"parameters": given}
        )
        return str(answer.raise_for_status().json()["id"])

    def state(self, run: str) -> dict[str, Any]:
        answer = self._world.api.get(f"/flow_runs/{run}").raise_for_status()
        return dict(answer.json()["state"])

    def end(self, run: str) -> str:
        """The name of its last state."""
        deadline = time.monotonic() + RUN_SECONDS
        while (state := self.state(run))["type"] not in ENDED:
            assert time.monotonic() < deadline, state
            time.sleep(0.5)
        return str(state["name"])

    def open_run(self, run: str, tab: str = "TaskRuns") -> None:
        address = f"{self._world.prefect.address}/v2/runs/flow-run/{run}?tab={tab}"
        visit(self.page, address, self.page.get_by_role("tab", name="Task Runs"))

    def names(self, run: str) -> str:
        """Of its steps now, a line each, without a look at a page."""
        asked = {"flow_runs": {"id": {"any_": [run]}}}
        found = self._world.api.post("/task_runs/filter", json=asked).raise_for_status().json()
        return "\n".join(one["name"] for one in found)

    def steps(self, run: str) -> str:
        """The list of steps, as it is now."""
        self.open_run(run)
        shown = self.page.get_by_role("tabpanel", name="Task Runs")
        show_all(self.page)
        expect(shown).to_contain_text("look up: infrastructure")
        return shown.inner_text()

    def open_page(self, run: str) -> Locator:
        wanted = {"artifacts": {"flow_run_id": {"any_": [run]}}, "sort": "CREATED_DESC"}
        found = self._world.api.post("/artifacts/filter", json=wanted).raise_for_status().json()
        page = next(one for one in found if (one["key"] or "").startswith("release-"))
        address = f"{self._world.prefect.address}/v2/artifacts/artifact/{page['id']}"
        visit(self.page, address, self.page.get_by_test_id("markdown-display"))
        return self.markdown()

    def markdown(self) -> Locator:
        shown = self.page.get_by_test_id("markdown-display")
        until_shown(self.page, shown.get_by_role("heading").first)
        return shown


@pytest.fixture
def wide(world: World, signed_in: BrowserContext) -> Iterator[Pages]:
    page = signed_in.new_page()
    yield Pages(page, world)
    page.close()


def test_how_far_it_is_stands_beside_the_step_that_runs(
    wide: Pages, world: World, serving: Truth
) -> None:
    # Long enough for a look at each step on a busy machine.
    world.box.script(**{**UNHURRIED, "bake_seconds": 400, "test_seconds": 400})
    # No image of another test is like it.
    run = wide.start("v2", environment={"RAILS_ENV": "production", "LOOKED_AT": "yes"})
    seen: dict[str, str] = {}
    deadline = time.monotonic() + RUN_SECONDS
    while wide.state(run)["type"] not in ENDED and time.monotonic() < deadline:
        # The page is opened when there is something to be seen: each time takes a while.
        told = {step for step, _ in FAR.findall(wide.names(run))} - seen.keys()
        if GATE in told or (told and not seen):
            seen.update(FAR.findall(wide.steps(run)))
        time.sleep(LOOK_SECONDS)
    assert wide.end(run) == "Released"
    assert {"2 bake: image", "3 test: in the image"} & seen.keys(), seen
    assert GATE in seen, seen
    # Afterwards nothing is waited for any more.
    assert "·" not in wide.steps(run)
    assert serving.commit != world.settled().commit == commit_of(world, "v2")


def test_one_that_was_rolled_back(wide: Pages, world: World, serving: Truth) -> None:
    run = wide.start("sick")
    assert wide.end(run) == "Rolled back"
    look_at_one_that_was_rolled_back(wide, run)
    wide.page.set_viewport_size({**SIZE, "width": NARROW})
    wide.page.emulate_media(color_scheme="dark")
    look_at_one_that_was_rolled_back(wide, run)
    assert world.settled() == serving


def look_at_one_that_was_rolled_back(pages: Pages, run: str) -> None:
    shown = pages.open_page(run)
    expect(shown.get_by_role("heading").first).to_have_text(
        f"{APPLICATION}: rolled back: what served before serves on"
    )
    # The cause is what comes first, and it is seen without scrolling.
    cause = shown.locator("blockquote").first
    expect(cause).to_contain_text("[500]")
    expect(cause).to_be_in_viewport()
    expect(shown).to_contain_text(f"spotkiln release {APPLICATION}")
    expect(shown).to_contain_text("undo: cancel fleet")
    image = shown.get_by_role("img")
    assert image.evaluate("one => one.complete && one.naturalWidth") > 0
    assert shown.evaluate(WIDER) == []
    # No header is empty, nor any code block there that would not be wrapped.
    assert all(one.strip() for one in shown.locator("th").all_inner_texts())
    assert shown.locator("pre").count() == 0

    shown.get_by_role("link", name="What the servers showed").click()
    expect(pages.page.get_by_test_id("markdown-display")).to_contain_text("did not pass the gate")
    evidence = pages.markdown()
    expect(evidence.locator("blockquote").first).to_be_in_viewport()
    assert evidence.evaluate(WIDER) == []


def test_one_that_was_cancelled(wide: Pages, world: World, serving: Truth) -> None:
    world.box.script(**UNHURRIED)
    run = wide.start("v2")
    deadline = time.monotonic() + RUN_SECONDS
    while "health gate" not in wide.names(run):
        assert time.monotonic() < deadline
        assert wide.state(run)["type"] not in ENDED
        time.sleep(LOOK_SECONDS)
    world.api.post(
        f"/flow_runs/{run}/set_state", json={"state": {"type": "CANCELLING"}}
    ).raise_for_status()
    assert wide.end(run) == "Cancelled"
    world.box.script(**MACHINES, **STAND_IN)
    steps = wide.steps(run)
    assert "Cancelled" in steps
    assert "Crashed" not in steps
    shown = wide.open_page(run)
    expect(shown.get_by_role("heading").first).to_contain_text(f"{APPLICATION}: cancelled")
    expect(shown).to_contain_text("somebody cancelled the run")
    expect(shown).to_contain_text("cancelled after")
    text = shown.inner_text()
    assert "TerminationSignal" not in text
    assert "failed" not in text.replace("0 failed", "")
    assert world.settled() == serving
