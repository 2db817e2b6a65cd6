"""The Prefect UI that opens by default, as a person uses it: by what is written on it."""

import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from playwright.sync_api import Locator, Page, Response, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

from rehearsal.runs import FINAL
from spotkiln.start.ui import newer
from tests.browser.visit import complaints_of, keep_what_is_seen, visit
from tests.reliability.world import World

APPLICATION = "demo-web-app"
# By the form of a release.
ASKED = ["Commit", "Why", "Release again", "Release even if held", "Release in a freeze"]
# A run is a process of its own, and other tests may have the machine too.
RUN_MS = 200_000
# What the UI asks of the server when somebody starts or resumes a run. An answer of 503 says that
# SQLite was busy and nothing has been done.
ASKS = re.compile("/(create_flow_run|resume)$")
BUSY = 503
PRESSES = 20
# So many looks at a graph, half a second apart, until nothing in it moves.
DRAWN = 40
ENDED = re.compile("Released|Declined|Completed|Failed|Rolled back|Retired|Crashed|Cancelled")
STATE = "[class*='bg-state-']"
# While a run is scheduled, its page does not look whether that is still so.
LOOK_MS = 10_000
LOOKS = 5
PER_PAGE = "Items per page"
SOMETHING = re.compile(r"\S")


def press_until_taken(page: Page, press: Callable[[], None]) -> Response:
    """Again for as long as Prefect is busy, as a person would. Prefect's answer."""
    for _ in range(PRESSES):
        with page.expect_response(ASKS) as asked:
            press()
        if asked.value.status != BUSY:
            return asked.value
    raise AssertionError(f"Prefect was busy {PRESSES} times in a row")


def view_run(page: Page, note: Locator) -> bool:
    """Click what the note links to, until that has led to a run's page. False if the note went
    before that, as it does by itself after a few seconds: a click on one that is going does
    nothing."""
    for _ in range(LOOKS):
        try:
            note.click(timeout=LOOK_MS)
            expect(page).to_have_url(re.compile("/runs/flow-run/"), timeout=LOOK_MS)
        except (AssertionError, PlaywrightTimeoutError):
            if note.is_hidden():
                return False
        else:
            return True
    raise AssertionError(f"a click on the note leads nowhere: {page.url}")


class PrefectUI:
    def __init__(self, page: Page, address: str, folder: Path, api: httpx.Client) -> None:
        """`address` and `api` are the server's; folder: where to keep what was to be seen when a
        test failed."""
        self.page = page
        self._api = api
        self.address = newer(address)
        self.folder = folder
        self.complaints = complaints_of(page)

    def keep_what_is_seen(self) -> str:
        """Where it is kept."""
        return keep_what_is_seen(self.page, self.folder, self.complaints)

    # -- starting --

    def open_deployment(self, flow: str, name: str = APPLICATION) -> None:
        """From the list of deployments, by a click."""
        visit(self.page, f"{self.address}/deployments", self.page.get_by_role("row").nth(1))
        # A narrow page has no choice of how many it shows.
        if self.page.get_by_role("combobox", name=PER_PAGE).is_visible():
            show_all(self.page)
        row = self.page.get_by_role("row").filter(has=self._link(flow))
        # A flow and its deployment may have the same name.
        link = row.locator("a[href*='/deployments/deployment/']")
        link.filter(has_text=re.compile(rf"^{re.escape(name)}$")).click()
        # A flow and its deployment may have the same name.
        here = self.page.get_by_label("breadcrumb").locator("span[aria-current=page]")
        expect(here).to_have_text(name)

    def custom_run(self) -> None:
        """The form."""
        self._run_menu("Custom run")
        expect(self.page.get_by_role("heading", name="Parameters")).to_be_visible()

    def quick_run(self) -> None:
        """One click, with the deployment's own parameters; then the run's page."""
        self._start(lambda: self._run_menu("Quick run"))

    def _run_menu(self, choice: str) -> None:
        self.page.get_by_role("button", name="Run", exact=True).click()
        self.page.get_by_role("menuitem", name=choice, exact=True).click()

    def _link(self, name: str) -> Locator:
        return self.page.get_by_role("link", name=name, exact=True)

    # -- the form --

    def titles(self) -> list[str]:
        """What the form asks, in its order."""
        fields = self.page.locator("form .group label")
        expect(fields.first).to_be_visible()
        return [one.removesuffix(" (Optional)") for one in fields.all_inner_texts()]

    def field(self, title: str) -> Locator:
        """The field under this title, with its description and what is wrong with it."""
        label = self.page.locator("label").filter(
            has_text=re.compile(rf"^{re.escape(title)}( \(Optional\))?$")
        )
        return self.page.locator(".group").filter(has=label)

    def entry(self, title: str) -> Locator:
        return self.field(title).locator("textarea, input")

    def switch(self, title: str) -> Locator:
        return self.field(title).get_by_role("switch")

    def choose(self, title: str, option: str) -> None:
        self.page.get_by_role("button", name=f"Select {title}", exact=True).click()
        self.page.get_by_role("option", name=option, exact=True).click()

    def submit(self, answer: Locator | None = None) -> None:
        """Press Submit. answer: what is to be seen then; without one, the page of a run."""
        button = self.page.get_by_role("button", name="Submit", exact=True)
        if answer:
            button.click()
            expect(answer.first).to_be_visible()
        else:
            self._start(button.click)

    def resume(self) -> Locator:
        """The question of a run that waits for an answer. Resume is behind ⋮."""
        dots = self.page.locator(".lucide-ellipsis-vertical")
        self.page.get_by_role("button").filter(has=dots).first.click()
        self.page.get_by_role("menuitem", name="Resume", exact=True).click()
        asked = self.page.get_by_role("dialog")
        expect(asked).to_be_visible()
        return asked

    def answer(self) -> None:
        """Press Resume under the question."""
        button = self.page.get_by_role("dialog").get_by_role("button", name="Resume", exact=True)
        self._press(button.click, self.page.get_by_text("Flow run resumed"))

    def _start(self, press: Callable[[], None]) -> None:
        started = self.page.get_by_role("link", name="View run")
        run = self._press(press, started).json()["id"]
        if not view_run(self.page, started.first):
            self.open_run(f"{self.address}/runs/flow-run/{run}")

    def _press(self, press: Callable[[], None], answer: Locator) -> Response:
        answered = press_until_taken(self.page, press)
        expect(answer.first).to_be_visible()
        return answered

    # -- a run --

    @property
    def state(self) -> Locator:
        return self.page.locator(STATE).first

    def open_run(self, address: str) -> None:
        visit(self.page, address, self.state)

    def wait_for(self, state: re.Pattern[str]) -> None:
        """Until the run has such a state. The page follows a run that has begun; while it is
        scheduled, somebody must load it again."""
        deadline = time.monotonic() + RUN_MS / 1000
        while True:
            try:
                expect(self.state).to_have_text(state, timeout=LOOK_MS)
            except AssertionError:
                if time.monotonic() > deadline:
                    raise
                self.open_run(self.page.url)
            else:
                return

    def follow(self, end: str) -> None:
        """Until it has ended."""
        self.wait_for(ENDED)
        expect(self.state).to_have_text(end)

    def come_back(self, end: str) -> None:
        """Once it has ended. Nobody looks meanwhile: an open page of a run asks the server for more
        than the run itself does."""
        run = self.page.url
        self.page.goto("about:blank")
        deadline = time.monotonic() + RUN_MS / 1000
        path = f"/flow_runs/{run.partition('?')[0].rpartition('/')[2]}"
        while self._api.get(path).raise_for_status().json()["state_type"] not in FINAL:
            assert time.monotonic() < deadline, path
            time.sleep(0.5)
        self.open_run(run)
        expect(self.state).to_have_text(end)

    def open_tab(self, name: str) -> None:
        self.page.get_by_role("tab", name=name, exact=True).click()

    def show_whole_graph(self) -> None:
        """Of a run that has ended: its page opened anew shows all of it."""
        self.open_run(self.page.url)
        graph = self.page.locator("canvas").first
        expect(graph).to_be_visible()
        before, now = b"", graph.screenshot()
        for _ in range(DRAWN):
            if before == now:
                return
            self.page.wait_for_timeout(500)
            before, now = now, graph.screenshot()
        raise AssertionError("the graph does not come to rest")

    def tasks(self) -> dict[str, str]:
        """State by name, as the tab tells them."""
        self.open_tab("Task Runs")
        show_all(self.page)
        link = "a[href*='/runs/task-run/']"
        expect(self.page.locator(link).first).to_be_visible()
        cards = self.page.locator("[class*='border-l-state-']").all()
        return {one.locator(link).inner_text(): one.locator(STATE).inner_text() for one in cards}

    def until_steps(self, wanted: dict[str, str], seconds: float = RUN_MS / 1000) -> None:
        """Until these steps are in these states. A step's plain name comes back with Prefect's last
        word on it, which a busy server writes late, and the list asks seldom by itself."""
        deadline = time.monotonic() + seconds
        while not wanted.items() <= (seen := self.tasks()).items():
            assert time.monotonic() < deadline, seen
            self.open_run(self.page.url)

    def open_artifact(self, key: str) -> Locator:
        """Of this run, the artifact whose key begins so; what its page shows."""
        self.open_tab("Artifacts")
        self.page.locator("a[href*='/artifacts/']").filter(has_text=key).first.click()
        # The run's page has links to other artifacts, and stays for a moment.
        expect(self.page).to_have_url(re.compile("/artifacts/"))
        expect(self.page.get_by_role("tab", name="Task Runs", exact=True)).to_be_hidden()
        # Before Prefect 3.9 it is a list of those of that key; the newest.
        if "/artifacts/key/" in self.page.url:
            self.page.locator("a[href*='/artifacts/artifact/']").first.click()
        content = self.page.get_by_test_id("markdown-display").or_(
            self.page.get_by_test_id("table-display")
        )
        until_shown(self.page, content)
        return content


def until_shown(page: Page, content: Locator) -> None:
    """With its text, which is drawn after its frame. A page whose request a busy server refused
    shows nothing until it is loaded again."""
    for _ in range(LOOKS):
        try:
            expect(content).to_have_text(SOMETHING, timeout=LOOK_MS)
        except AssertionError:
            page.reload()
        else:
            return
    expect(content).to_have_text(SOMETHING)


def show_all(page: Page) -> None:
    """Of a list that is told page by page, as many as one page may have."""
    chosen = page.get_by_role("combobox", name=PER_PAGE)
    expect(chosen).to_be_visible()
    most = page.get_by_role("option").last
    # By keys: a click waits until nothing moves, and the list of a run that goes on always does.
    chosen.press("Enter")
    most.press("Enter")
    expect(most).to_be_hidden()


def fill_in(ui: PrefectUI, ref: str) -> None:
    """The form of a release."""
    ui.open_deployment("release")
    ui.custom_run()
    ui.entry("Commit").fill(ref)


def commit_of(world: World, ref: str) -> str:
    return _git(world, "rev-parse", ref)


def commit_again(world: World, ref: str, tag: str) -> str:
    """A commit with the files of that one and one more, after it, with a tag: so it is another
    image."""
    person = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")
    with TemporaryDirectory() as folder:
        _git(world, "worktree", "add", "--quiet", "--detach", folder, ref)
        Path(folder, "NEWS").write_text(f"{tag}\n")
        _git(world, "-C", folder, "add", "NEWS")
        _git(world, "-C", folder, *person, "commit", "--quiet", "--message", "Tell the news")
        made = _git(world, "-C", folder, "rev-parse", "HEAD")
        _git(world, "worktree", "remove", folder)
    _git(world, "tag", "--force", tag, made)
    return made


def _git(world: World, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(world.repository), *arguments],
        check=True,
        capture_output=True,
        text=True,
        timeout=30,
    )
    return done.stdout.strip()
