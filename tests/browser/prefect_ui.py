"""The Prefect UI as a person uses it: by what is written on it."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.reliability.world import World

APPLICATION = "demo-web-app"
# A run is a process of its own, and other tests may have the machine too.
RUN_MS = 200_000
# What the UI asks of the server when somebody starts or resumes a run. An answer of 503 says that
# SQLite was busy and nothing has been done; the UI calls that "Something went wrong".
ASKS = re.compile("/(create_flow_run|resume)$")
BUSY = 503
PRESSES = 20
# So many looks at a graph, half a second apart, until nothing in it moves.
DRAWN = 40


def sign_in(page: Page, address: str, password: str) -> None:
    """As somebody does who opens the UI for the first time; password: name:password."""
    page.goto(address)
    page.locator("input[type=password]").fill(password)
    page.get_by_role("button", name="Login").click()
    expect(page).to_have_url(re.compile("/dashboard"))


class PrefectUI:
    def __init__(self, page: Page, address: str, folder: Path) -> None:
        """folder: where to keep what was to be seen when a test failed."""
        self.page = page
        self.address = address
        self.folder = folder
        # That Prefect answered with an error, such as 503. It stays, over what is to be clicked,
        # until somebody closes it; a test goes by what the page shows then.
        complaint = page.locator(".p-toast__card", has_text="Something went wrong")
        close = "notes => notes.forEach(note => note.querySelector('.p-toast__close-btn').click())"
        page.add_locator_handler(complaint.first, lambda: complaint.evaluate_all(close))

    def keep_what_is_seen(self) -> str:
        """Where it is kept."""
        self.page.screenshot(path=self.folder / "failed.png")
        (self.folder / "failed.html").write_text(self.page.content())
        return f"at {self.page.url}; kept as failed.png and failed.html in {self.folder}"

    # -- starting --

    def open_deployment(self, flow: str, name: str = APPLICATION) -> None:
        """From the list of deployments, by a click."""
        self.page.goto(f"{self.address}/deployments")
        row = self.page.get_by_role("row").filter(has=self._link(flow))
        row.filter(has=self._link(name)).locator(".deployment-list__name").click()
        expect(self.page.locator("header").filter(has_text=name).first).to_be_visible()

    def custom_run(self) -> None:
        """The form with all parameters."""
        self._run_menu("Custom run")
        expect(self.page.get_by_text("Validate parameters")).to_be_visible()

    def quick_run(self) -> None:
        """One click, with the deployment's own parameters; then the run's page."""
        self._start(lambda: self._run_menu("Quick run"))

    def _run_menu(self, choice: str) -> None:
        self.page.get_by_role("button", name="Run", exact=True).click()
        self.page.get_by_text(choice, exact=True).click()

    def _link(self, name: str) -> Locator:
        return self.page.get_by_role("link", name=name, exact=True)

    # -- the form --

    def field(self, title: str) -> Locator:
        """The field under this title, which is the whole title, but for "(Optional)"."""
        label = self.page.locator(
            ":scope > .p-label__header .schema-form-property__label",
            has_text=re.compile(rf"^{re.escape(title)}( \(Optional\))?$"),
        )
        return self.page.locator(".schema-form-property").filter(has=label)

    def entry(self, title: str) -> Locator:
        return self.field(title).locator("textarea, input")

    def offered(self, title: str) -> Locator:
        """Open a choice; its options."""
        self.field(title).locator(".p-select-button__control").focus()
        self.page.keyboard.press("ArrowDown")
        return self.page.get_by_role("option")

    def submit(self, answer: Locator | None = None) -> None:
        """Press Submit. answer: what is to be seen then; without one, the page of a run."""
        button = self.page.get_by_role("button", name="Submit", exact=True)
        if answer:
            self._press(button.click, answer)
        else:
            self._start(button.click)

    def answer(self) -> None:
        """Press Submit under the question of a run that waits for an answer."""
        submit = self.page.get_by_role("button", name="Submit", exact=True)
        self._press(submit.click, self.state.filter(has_not_text="Suspended"))

    def _start(self, press: Callable[[], None]) -> None:
        started = self.page.get_by_role("button", name="View run")
        self._press(press, started)
        # Prefect shows each note twice, one above the other.
        started.last.click()
        expect(self.page).to_have_url(re.compile("/runs/flow-run/"))

    def _press(self, press: Callable[[], None], answer: Locator) -> None:
        """Again for as long as Prefect is busy, as a person would."""
        for _ in range(PRESSES):
            with self.page.expect_response(ASKS) as asked:
                press()
            if asked.value.status != BUSY:
                expect(answer.first).to_be_visible()
                return
        raise AssertionError(f"Prefect was busy {PRESSES} times in a row")

    # -- a run --

    @property
    def state(self) -> Locator:
        return self.page.locator("header .state-badge").first

    def follow(self, end: str) -> None:
        """Until it has ended, without a click: the page follows by itself."""
        expect(self.state).to_have_text(
            re.compile("Released|Declined|Completed|Failed|Crashed|Cancelled"), timeout=RUN_MS
        )
        expect(self.state).to_have_text(end)

    def open_tab(self, name: str) -> None:
        self.page.get_by_role("tablist").get_by_text(name, exact=True).click()

    def show_whole_graph(self) -> None:
        """Of a run that has ended: its page opened anew shows all of it."""
        self.page.reload()
        graph = self.page.locator(".flow-run-graphs canvas")
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
        rows = self.page.locator(".task-run-list-item, .state-list-item")
        expect(rows.first).to_be_visible()
        texts = [row.inner_text().split("\n") for row in rows.all()]
        return {text[0]: text[1] for text in texts}

    def open_artifact(self, key: str) -> Locator:
        """Of this run, the artifact whose key begins so; what its page shows."""
        self.open_tab("Artifacts")
        self.page.locator("a[href*='/artifacts/']").filter(has_text=key).first.click()
        content = self.page.locator(".artifact-data-view")
        expect(content).to_be_visible()
        return content


def fill_in(ui: PrefectUI, world: World, ref: str) -> None:
    """The form of a release of the world's repository."""
    ui.open_deployment("release")
    ui.custom_run()
    ui.entry("Git repository").fill(str(world.repository))
    ui.entry("Git ref").fill(ref)


def commit_of(world: World, ref: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(world.repository), "rev-parse", ref],
        check=True,
        capture_output=True,
        text=True,
        timeout=30,
    )
    return done.stdout.strip()
