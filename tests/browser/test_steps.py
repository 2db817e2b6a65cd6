"""A release in steps, as a person watches and steers it."""

import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from playwright.sync_api import expect

from rehearsal.prefect_local import shipped
from sandbox.infrastructure import Group, Infrastructure
from spotkiln.aws.serve.split import split
from tests.browser.conftest import SCREENSHOTS, UNHURRIED, Picture
from tests.browser.prefect_ui import RUN_MS, PrefectUI
from tests.reliability.world import MACHINES, STAND_IN, World

pytestmark = [pytest.mark.browser, pytest.mark.prefect, pytest.mark.sandbox]

NAME = "shop"
INFRA = {"target_group": NAME, "second_target_group": f"{NAME}-green"}
# The second lasts until somebody says something.
TRAFFIC = {"steps": ["10 % for 5 s", "50 % for 120 min", "100 %"], "bake_seconds": 0}


@pytest.fixture
def shop(world: World) -> Iterator[None]:
    """A deployment with two target groups, in one of which v1 serves."""
    Infrastructure(world.box).put_group(Group(NAME))
    aws: Any = SimpleNamespace(elbv2=world.account.elbv2, region="eu-west-1")
    split(aws, NAME, INFRA["second_target_group"], lambda _: None)
    world.box.script(**MACHINES, **STAND_IN)
    made = world.release("v1", infra=INFRA)
    assert made.get("outcome") == "released", made
    if SCREENSHOTS:
        world.box.script(**UNHURRIED)
    other = world.api.get("/deployments/name/release/demo-web-app").raise_for_status().json()
    body = {
        "name": NAME,
        "flow_id": other["flow_id"],
        "entrypoint": "spotkiln.flows.release.release",
        **shipped("release"),
        "parameters": world.parameters("v2", infra=INFRA, traffic=TRAFFIC),
    }
    made_here = world.api.post("/deployments/", json=body).raise_for_status().json()
    yield
    gone = {"deployment": NAME, "versions": "keep", "confirm": NAME, "last_servers": True}
    retired = world.zygote.start("retire", gone).result()
    assert "error" not in retired, retired
    world.api.delete(f"/deployments/{made_here['id']}")


@pytest.mark.timeout(600)
def test_a_person_watches_and_promotes(
    ui: PrefectUI, world: World, shop: None, picture: Picture
) -> None:
    ui.open_deployment("release", NAME)
    ui.quick_run()
    release = ui.page.url
    step = ui.page.get_by_role("link", name="4 launch: traffic · 50 %")
    ui.wait_for(re.compile("Running"))
    ui.open_tab("Task Runs")
    expect(step).to_be_visible(timeout=RUN_MS)
    picture("steps")

    ui.open_deployment("steer", "application")
    ui.custom_run()
    assert ui.titles()[:2] == ["Deployment", "What it is to do"]
    ui.entry("Deployment").fill(NAME)
    ui.choose("What it is to do", "promote")
    picture("form-steer")
    ui.submit()
    ui.come_back("Completed")

    ui.open_run(release)
    ui.come_back("Released")
    shown = ui.open_artifact("release-demo-web-app-")
    expect(shown.get_by_role("heading").first).to_have_text(f"demo-web-app/{NAME}: released")
    expect(shown).to_contain_text(re.compile(r"50 % for \d+ s until a person said promote, 100 %"))
