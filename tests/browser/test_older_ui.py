"""The older of Prefect's two UIs stays usable: a release by its form, followed to its page."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import SIZE
from tests.browser.older_ui import OlderUI
from tests.browser.prefect_ui import APPLICATION, ASKED, commit_again
from tests.browser.visit import PATIENCE_MS, visit
from tests.reliability.truth import Truth
from tests.reliability.world import World

pytestmark = [pytest.mark.browser, pytest.mark.prefect, pytest.mark.sandbox]


@pytest.fixture
def older(world: World, browser: Browser, tmp_path: Path) -> Iterator[OlderUI]:
    context = browser.new_context(viewport=SIZE, locale="en-GB", timezone_id="UTC")
    context.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    ui = OlderUI(context.new_page(), world.prefect.address, tmp_path)
    visit(ui.page, f"{ui.address}/dashboard", ui.page.get_by_text("Active Work Pools"))
    yield ui
    context.close()


def test_a_release_by_its_form(older: OlderUI, world: World, serving: Truth) -> None:
    commit = commit_again(world, "v2", "older-ui")
    older.open_deployment("release")
    older.custom_run()
    assert older.titles() == ASKED
    older.entry("Commit").fill("v2 new")
    older.submit(older.page.get_by_text("a branch, a tag or a commit, as git writes it"))
    older.entry("Commit").fill("older-ui")
    older.entry("Why").fill("for Ada")
    older.submit()
    older.follow("Released")
    assert world.settled().commit == commit
    shown = older.open_artifact(f"release-{APPLICATION}-")
    expect(shown).to_contain_text("for Ada")
