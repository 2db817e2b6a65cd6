"""A rollback by one click, and by its form."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Picture
from tests.browser.prefect_ui import APPLICATION, PrefectUI
from tests.reliability.truth import Truth
from tests.reliability.world import World

pytestmark = [pytest.mark.browser, pytest.mark.prefect, pytest.mark.sandbox]


def test_one_click(
    ui: PrefectUI, world: World, both: tuple[Truth, Truth], picture: Picture
) -> None:
    replaced, newer = both
    assert world.settled() == newer

    ui.open_deployment("rollback")
    ui.quick_run()
    ui.come_back("Released")
    ui.until_steps({"4 launch: health gate": "Completed"})
    assert not [name for name in ui.tasks() if "bake" in name]
    ui.show_whole_graph()
    picture("rollback")

    truth = world.settled()
    assert truth.problems() == []
    assert (truth.commit, truth.image) == (replaced.commit, replaced.image)
    shown = ui.open_artifact(f"release-{APPLICATION}-")
    expect(shown.get_by_role("heading").first).to_have_text(
        f"{APPLICATION}: rollback to {truth.commit[:12]}: released"
    )
    expect(shown).to_contain_text(truth.image)


def test_to_a_version(ui: PrefectUI, world: World, both: tuple[Truth, Truth]) -> None:
    now = world.settled().commit
    wanted = next(one for one in both if one.commit != now)
    ui.open_deployment("rollback")
    ui.custom_run()
    ui.entry("Version").fill(wanted.commit[:8])
    ui.entry("Why").fill("it *was* better")
    ui.submit()
    ui.come_back("Released")
    truth = world.settled()
    assert (truth.commit, truth.image) == (wanted.commit, wanted.image)
    shown = ui.open_artifact(f"release-{APPLICATION}-")
    expect(shown).to_contain_text("it *was* better")
