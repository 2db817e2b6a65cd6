"""What a busy server does to a page does not end a test: it is opened again, as a person would."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.visit import PASSWORD, sign_in, visit

pytestmark = pytest.mark.browser
BLANK = "<!doctype html><div id=root></div>"
# Signed in is who has told the password and waited for the answer.
ASKS = """<!doctype html><input type=password><button>Login</button><script>
document.querySelector('button').onclick = async () => {
  const told = document.querySelector('input').value
  const answer = await fetch('/login', {method: 'POST', body: told})
  if (answer.ok) document.body.innerHTML = '<a href=/deployments>Deployments</a>'
}
</script>"""
INSIDE = "<!doctype html><a href=/deployments>Deployments</a>"


class Busy(ThreadingHTTPServer):
    """blank: so many pages stay blank before one is whole."""

    def __init__(self, blank: int) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.blank = blank
        self.told = ""


class Answers(BaseHTTPRequestHandler):
    server: Busy

    def do_GET(self) -> None:
        if self.path == "/favicon.ico":
            return self._answer("")
        self.server.blank -= 1
        if self.server.blank >= 0:
            return self._answer(BLANK)
        return self._answer(INSIDE if self.server.told == PASSWORD else ASKS)

    def do_POST(self) -> None:
        told = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.told = told
        self._answer("")

    def _answer(self, page: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(page.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Busy]:
    with Busy(blank=1) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page()
    yield page
    page.close()


def address_of(server: Busy) -> str:
    return f"http://127.0.0.1:{server.server_port}/"


def test_who_signs_in_opens_a_blank_page_again(
    server: Busy, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.browser.visit.VISIT_MS", 3_000)
    sign_in(page, address_of(server))
    assert server.told == PASSWORD


def test_a_page_that_asks_for_the_password_again_gets_it(
    server: Busy, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.browser.visit.VISIT_MS", 3_000)
    visit(page, address_of(server), page.get_by_role("link", name="Deployments"))
    assert page.get_by_role("link", name="Deployments").is_visible()
    assert server.told == PASSWORD
