"""Open a page of Prefect's UI as a patient person does, and keep what is seen there."""

from pathlib import Path

from playwright.sync_api import Locator, Page, Request, Response, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

PATIENCE_MS = 60_000
VISITS = 5
VISIT_MS = 20_000
PASSWORD = "spotkiln:not-a-secret"
# Of what went wrong on a page, so much is told.
COMPLAINTS = 20


def sign_in(page: Page, address: str, password: str = PASSWORD) -> None:
    """As somebody does who opens the UI for the first time; password: name:password."""
    # Only who has signed in sees where the UI leads to.
    visit(page, address, page.get_by_role("link", name="Deployments").first, password)


def visit(page: Page, address: str, sign: Locator, password: str = PASSWORD) -> None:
    """Open it until `sign` is seen. On a busy machine a page stays blank if one of its files didn't
    come, and an answer of 503 makes Prefect ask for the password again."""
    login = page.locator("input[type=password]")
    for _ in range(VISITS):
        page.goto(address)
        try:
            sign.or_(login).first.wait_for(timeout=VISIT_MS)
            if login.is_visible():
                login.fill(password)
                page.get_by_role("button", name="Login").click()
                # Whoever leaves the page before the server has answered is not signed in.
                login.wait_for(state="hidden", timeout=VISIT_MS)
                continue
        except PlaywrightTimeoutError:
            continue
        return
    expect(sign).to_be_visible()


def complaints_of(page: Page) -> list[str]:
    """What goes wrong on the page from now on: requests, answers and its own errors, as they come.
    For whoever must find out why a test failed."""
    seen: list[str] = []

    def answered(had: Response) -> None:
        if not had.ok:
            seen.append(f"{had.status}: {had.url}")

    def failed(asked: Request) -> None:
        # Prefect's UI asks others on the internet, too.
        if "//127.0.0.1" in asked.url:
            seen.append(f"{asked.failure}: {asked.url}")

    page.on("requestfailed", failed)
    page.on("response", answered)
    page.on("pageerror", lambda error: seen.append(f"error: {error}"))
    page.on("crash", lambda _: seen.append("the page crashed"))
    return seen


def keep_what_is_seen(page: Page, folder: Path, complaints: list[str]) -> str:
    """Where it is kept, and the last that went wrong on the page."""
    page.screenshot(path=folder / "failed.png")
    (folder / "failed.html").write_text(page.content())
    where = f"at {page.url}; kept as failed.png and failed.html in {folder}"
    return "\n".join([where, *complaints[-COMPLAINTS:]])
