"""An application is taken down from the form, by a worker."""

from collections.abc import Iterator

import pytest

from sandbox.infrastructure import Group, Infrastructure
from tests.browser.prefect_ui import PrefectUI
from tests.reliability.truth import Truth
from tests.reliability.world import MACHINES, STAND_IN, World

pytestmark = [pytest.mark.browser, pytest.mark.prefect, pytest.mark.sandbox]

NAME, GROUP = "leaving", "leaving-group"


@pytest.fixture
def leaving(world: World) -> Iterator[str]:
    """An application with one deployment and a target group of its own, that serves; its fleet."""
    world.box.script(**MACHINES, **STAND_IN)
    Infrastructure(world.box).put_group(Group(GROUP))
    made = world.release("v1", infra={"target_group": GROUP})
    assert made.get("outcome") == "released", made
    other = world.api.get("/deployments/name/release/demo-web-app").raise_for_status().json()
    body = {
        "name": NAME,
        "flow_id": other["flow_id"],
        # In another pool it would be another account's.
        "work_pool_name": other["work_pool_name"],
        "parameters": world.parameters("v1", infra={"target_group": GROUP}),
    }
    made_here = world.api.post("/deployments/", json=body).raise_for_status().json()
    yield made["fleet"]
    world.api.delete(f"/deployments/{made_here['id']}")


def test_from_the_form_to_nothing_left(
    ui: PrefectUI, world: World, serving: Truth, leaving: str
) -> None:
    ui.open_deployment("retire", "application")
    ui.custom_run()
    ui.entry("Deployment").fill(NAME)
    ui.choose("Versions that served", "keep")
    ui.entry("The deployment's name once more").fill(NAME)
    ui.switch("The last servers may go").click()
    ui.submit()
    ui.come_back("Retired")
    assert world.account.look(GROUP).fleet != leaving
    assert world.account.look(GROUP).members == []
    assert world.api.get(f"/deployments/name/release/{NAME}").status_code == 404
    assert world.settled() == serving
