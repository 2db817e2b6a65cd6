"""The older of Prefect's two UIs, as a person uses it: by what is written on it."""

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Locator, Page, Response, expect

from tests.browser.prefect_ui import APPLICATION, ENDED, RUN_MS, press_until_taken, view_run
from tests.browser.visit import complaints_of, keep_what_is_seen, visit

# That Prefect answered with an error, such as 503, it says over what is to be clicked, and again
# with each answer, until somebody closes it. A person closes them as they come; a test goes by
# what the page shows then.
CLOSE_COMPLAINTS = """
new MutationObserver(() => {
  for (const note of document.querySelectorAll('.p-toast__card'))
    if (note.textContent.includes('Something went wrong'))
      note.querySelector('.p-toast__close-btn')?.click()
}).observe(document, {childList: true, subtree: true})
"""


class OlderUI:
    def __init__(self, page: Page, address: str, folder: Path) -> None:
        """folder: where to keep what was to be seen when a test failed."""
        self.page = page
        self.address = address
        self.folder = folder
        self.complaints = complaints_of(page)
        page.add_init_script(CLOSE_COMPLAINTS)

    def keep_what_is_seen(self) -> str:
        """Where it is kept."""
        return keep_what_is_seen(self.page, self.folder, self.complaints)

    # -- starting --

    def open_deployment(self, flow: str, name: str = APPLICATION) -> None:
        """From the list of deployments, by a click."""
        visit(self.page, f"{self.address}/deployments", self.page.get_by_role("row").nth(1))
        row = self.page.get_by_role("row").filter(has=self._link(flow))
        row.filter(has=self._link(name)).locator(".deployment-list__name").click()
        expect(self.page.locator("header").filter(has_text=name).first).to_be_visible()

    def custom_run(self) -> None:
        """The form."""
        self.page.get_by_role("button", name="Run", exact=True).click()
        self.page.get_by_text("Custom run", exact=True).click()
        expect(self.page.get_by_text("Validate parameters")).to_be_visible()

    def _link(self, name: str) -> Locator:
        return self.page.get_by_role("link", name=name, exact=True)

    # -- the form --

    @property
    def _labels(self) -> Locator:
        return self.page.locator(".schema-form-property__label")

    def titles(self) -> list[str]:
        """What the form asks, in its order."""
        expect(self._labels.first).to_be_visible()
        return [one.strip().removesuffix(" (Optional)") for one in self._labels.all_inner_texts()]

    def entry(self, title: str) -> Locator:
        label = self._labels.filter(
            has_text=re.compile(rf"^\s*{re.escape(title)}( \(Optional\))?\s*$")
        )
        field = self.page.locator(".schema-form-property").filter(has=label)
        return field.locator("textarea, input")

    def submit(self, answer: Locator | None = None) -> None:
        """Press Submit. answer: what is to be seen then; without one, the page of a run."""
        button = self.page.get_by_role("button", name="Submit", exact=True)
        if answer:
            self._press(button.click, answer)
            return
        started = self.page.get_by_role("button", name="View run")
        run = self._press(button.click, started).json()["id"]
        # Prefect shows each note twice, one above the other.
        if not view_run(self.page, started.last):
            visit(self.page, f"{self.address}/runs/flow-run/{run}", self._state)

    def _press(self, press: Callable[[], None], answer: Locator) -> Response:
        answered = press_until_taken(self.page, press)
        expect(answer.first).to_be_visible()
        return answered

    # -- a run --

    @property
    def _state(self) -> Locator:
        return self.page.locator("header .state-badge").first

    def follow(self, end: str) -> None:
        """Until it has ended, without a click: the page follows by itself."""
        expect(self._state).to_have_text(ENDED, timeout=RUN_MS)
        expect(self._state).to_have_text(end)

    def open_artifact(self, key: str) -> Locator:
        """Of this run, the artifact whose key begins so; what its page shows."""
        self.page.get_by_role("tablist").get_by_text("Artifacts", exact=True).click()
        self.page.locator("a[href*='/artifacts/']").filter(has_text=key).first.click()
        content = self.page.locator(".artifact-data-view")
        expect(content).to_be_visible()
        return content
