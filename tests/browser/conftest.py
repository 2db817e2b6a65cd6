"""Chromium, and a world to look at: deployments as prefect.yaml has them, a worker, the sandbox."""

import os
import shutil
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Protocol

import pytest
from playwright.sync_api import Browser, BrowserContext, ViewportSize, expect, sync_playwright

from rehearsal.prefect_local import POOL
from tests.browser.prefect_ui import APPLICATION, PrefectUI, commit_again
from tests.browser.visit import PASSWORD, PATIENCE_MS, sign_in
from tests.reliability.truth import Truth
from tests.reliability.world import MACHINES, STAND_IN, World

WORKER_SECONDS = 120.0
SIZE = ViewportSize(width=1280, height=900)
FLAGS = [
    "--disable-background-networking",
    "--disable-component-update",
    # Where it is small, as in a container, pages that find no room in it stay blank.
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
]
# The graph of a run is drawn anew in each frame, and so is a sign that turns while something goes
# on, without a GPU by the processor: more than all else that a test here takes. Four frames of the
# graph a second will do, and nothing turns.
FRAMES = """
window.requestAnimationFrame = draw => setTimeout(() => draw(performance.now()), 250)
window.cancelAnimationFrame = clearTimeout
document.addEventListener('DOMContentLoaded', () => {
  const still = document.createElement('style')
  still.textContent = `*, ::before, ::after {
    animation: none !important; transition: none !important
  }`
  document.head.append(still)
})
"""
# A folder, as SCREENSHOTS=docs: take the pictures of the documentation anew. The machines then take
# their time (the sandbox's seconds, of which 20 go by in one), so that the pictures show where.
SCREENSHOTS = os.environ.get("SCREENSHOTS", "")
UNHURRIED = {"bake_seconds": 240, "test_seconds": 160, "boot_seconds": 160, "serve_seconds": 60}


class Picture(Protocol):
    def __call__(self, name: str, height: int = ...) -> None: ...


UI = pytest.StashKey[PrefectUI]()


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Debian's, for nothing is downloaded. It ends with this folder's tests: its event loop would
    be in the way of others'."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("needs Chromium; as root `scripts/setup.sh chromium` installs it")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=program, args=FLAGS)


@pytest.fixture(scope="package")
def world(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home: Path = tmp_path_factory.mktemp("browser")
    # As `make up` and a host have it.
    with World(home, password=PASSWORD) as world:
        # The worker's runs release in the sandbox's account.
        world.prefect.environment.update(
            world.box.environment, SPOTKILN_HOME=str(home / "spotkiln")
        )
        world.prefect.deploy()
        for flow in ("release", "rollback"):
            of_the_worlds_repository(world, flow)
        world.prefect.start_worker()
        wait_for_worker(world)
        yield world


def of_the_worlds_repository(world: World, flow: str) -> None:
    """No form asks for a repository: the deployment has it."""
    found = world.api.get(f"/deployments/name/{flow}/{APPLICATION}").raise_for_status().json()
    app = {**found["parameters"]["app"], "repository": str(world.repository)}
    parameters = {**found["parameters"], "app": app}
    answer = world.api.patch(f"/deployments/{found['id']}", json={"parameters": parameters})
    answer.raise_for_status()


def wait_for_worker(world: World) -> None:
    """Until it has asked for work: before that the UI marks its queue with a red sign."""
    deadline = time.monotonic() + WORKER_SECONDS
    queue = f"/work_pools/{POOL}/queues/default"
    while world.api.get(queue).raise_for_status().json()["status"] != "READY":
        if time.monotonic() > deadline:
            raise TimeoutError(f"the worker asks for no work after {WORKER_SECONDS:.0f} s")
        time.sleep(0.5)


def serve(world: World, ref: str = "") -> Truth:
    """Released quickly, and not by a click. Without a ref what serves already will do."""
    world.box.script(**MACHINES, **STAND_IN)
    if ref or not world.account.serving():
        made = world.release(ref or "v1", keep_versions=5)
        assert made.get("outcome") == "released", made
    if SCREENSHOTS:
        world.box.script(**UNHURRIED)
    return world.settled()


@pytest.fixture
def serving(world: World) -> Truth:
    """What serves: v1, or what a test before released of a commit of its own."""
    return serve(world)


@pytest.fixture(scope="module")
def both(world: World) -> tuple[Truth, Truth]:
    """What served, and the commit after it that serves by now."""
    before = serve(world)
    commit_again(world, "v2", "newer")
    return before, serve(world, "newer")


@pytest.fixture(scope="package")
def signed_in(world: World, browser: Browser) -> Iterator[BrowserContext]:
    """A person's browser, once the password was entered. It keeps what it has loaded, as a
    person's does: to fetch and compile Prefect's UI for each test anew is dear."""
    context = browser.new_context(viewport=SIZE, locale="en-GB", timezone_id="UTC")
    if not SCREENSHOTS:
        context.add_init_script(FRAMES)
    context.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    page = context.new_page()
    sign_in(page, world.prefect.address)
    page.close()
    yield context
    context.close()


@pytest.fixture
def ui(
    world: World, signed_in: BrowserContext, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[PrefectUI]:
    page = signed_in.new_page()
    request.node.stash[UI] = ui = PrefectUI(page, world.prefect.address, tmp_path, world.api)
    yield ui
    page.close()


@pytest.fixture
def picture(ui: PrefectUI, tmp_path: Path) -> Picture:
    """Takes one of what is seen, under a name."""
    folder = Path(SCREENSHOTS) if SCREENSHOTS else tmp_path

    def take(name: str, height: int = SIZE["height"]) -> None:
        ui.page.set_viewport_size({**SIZE, "height": height})
        ui.page.screenshot(path=folder / f"{name}.png", animations="disabled")
        ui.page.set_viewport_size(SIZE)

    return take


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep what was to be seen when a test failed, and say where."""
    report = yield
    ui = item.stash.get(UI, None)
    if report.when == "call" and report.failed and ui:
        report.sections.append(("Chromium", ui.keep_what_is_seen()))
    return report
