"""The first steps, as a new repository's README and the page say them: from a wheel, in an empty
folder, on the simulated sandbox. Each line of their blocks is typed, but for what installs."""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from rehearsal.prefect_local import EMPTY, free_port
from tests.unit.nouns import ROOT
from tests.wheel.conftest import Installed

pytestmark = [pytest.mark.sandbox, pytest.mark.prefect, pytest.mark.timeout(600)]
# What takes the minutes of an installation, which the fixture has made already.
INSTALLS = re.compile(r"pip install|-m venv|^\. \.venv/bin/activate$")
BLOCK = re.compile(r"(?:^ {4}\S.*\n)+", re.MULTILINE)


class Terminal(NamedTuple):
    """A shell in the new repository; what it exports is there for the next lines."""

    installed: Installed
    folder: Path
    environment: dict[str, str]

    def start(self, script: str, log: str) -> "subprocess.Popen[bytes]":
        with (self.folder.parent / log).open("wb") as output:
            return subprocess.Popen(
                ["bash", "-ec", f"{script}\nenv -0 >{self.folder.parent}/variables"],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def type(self, script: str) -> str:
        """What it said; it must end well."""
        shell = self.start(script, "said")
        try:
            code = shell.wait(300)
        finally:
            if shell.poll() is None:
                os.killpg(shell.pid, signal.SIGKILL)
        said = (self.folder.parent / "said").read_text()
        assert code == 0, f"{script}\n{said}"
        variables = (self.folder.parent / "variables").read_text().split("\0")
        found = (one.partition("=") for one in variables)
        self.environment.update({name: value for name, is_, value in found if is_})
        return said


def typed(block: str) -> str:
    lines = (line.strip() for line in block.splitlines())
    return "\n".join(line for line in lines if not INSTALLS.search(line))


def there(child: "subprocess.Popen[bytes]") -> bool:
    """Whether any process of its group is: the shell ends before what it has started."""
    child.poll()
    try:
        os.killpg(child.pid, 0)
    except ProcessLookupError:
        return False
    return True


def end(child: "subprocess.Popen[bytes]") -> None:
    for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(child.pid, number)
        deadline = time.monotonic() + 15
        while there(child) and time.monotonic() < deadline:
            time.sleep(0.1)


@pytest.fixture
def terminal(installed: Installed, empty: Path) -> Iterator[Terminal]:
    folder = empty / "acme-platform"
    made = installed.run("spotkiln", "new", str(folder), cwd=empty)
    assert made.returncode == 0, made.stderr
    who = {"NAME": "Test", "EMAIL": "test@example.com"}
    git = {f"GIT_{of}_{name}": who[name] for of in ("AUTHOR", "COMMITTER") for name in who}
    home = {"HOME": str(empty), "PREFECT_HOME": str(empty / "prefect")}
    own = {k: v for k, v in installed.environment.items() if not k.startswith(("AWS_", "PREFECT_"))}
    quick = {"PREFECT_WORKER_QUERY_SECONDS": "1", "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
    (empty / "prefect").mkdir()
    if EMPTY.exists():  # an empty database, its tables made
        shutil.copyfile(EMPTY, empty / "prefect" / "prefect.db")
    shell = Terminal(installed, folder, {**own, **home, **git, **quick})
    try:
        yield shell
    finally:
        installed.run("spotkiln", "sandbox", "down", cwd=folder)


def wait_for(address: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        with suppress(httpx.HTTPError):
            if httpx.get(f"{address}/health", timeout=2).status_code == 200:
                return
        assert server.poll() is None, log.read_text()
        time.sleep(0.5)
    pytest.fail(log.read_text())


def test_the_first_steps_lead_to_a_release(terminal: Terminal) -> None:
    readme = (terminal.folder / "README.md").read_text()
    begin, box, names, server, deploy, first = map(typed, BLOCK.findall(readme)[:6])
    # Before its first base image an account has something that doctor names.
    first = first.replace("spotkiln doctor", "spotkiln doctor || true")
    walk(terminal, [begin], box, names, server, deploy, first)


def test_the_steps_of_the_page_lead_to_a_release(terminal: Terminal) -> None:
    page = (ROOT / "docs" / "getting-started-aws.md").read_text()
    _, new, checks, names, server, deploy, first, box = map(typed, BLOCK.findall(page)[:8])
    made, entered, begin = new.splitlines()
    # The fixture has made it, and its folder is this terminal's.
    assert (made, entered) == ("spotkiln new acme-platform", "cd acme-platform")
    walk(terminal, [begin, checks], box, names, server, deploy, first)


def walk(
    terminal: Terminal,
    begin: list[str],
    box: str,
    names: str,
    server: str,
    deploy: str,
    first: str,
) -> None:
    """From an empty folder to what serves; each part is one terminal's lines."""
    port = str(free_port(0))
    server, deploy, first = (one.replace("4200", port) for one in (server, deploy, first))
    for part in begin:
        terminal.type(part)
    terminal.type(box)
    assert terminal.environment["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1:")
    assert "target_group: dice" in terminal.type(names)
    children = []
    try:
        children.append(terminal.start(server, "server.log"))
        address = f"http://127.0.0.1:{port}/api"
        wait_for(address, children[0], terminal.folder.parent / "server.log")
        *deployed, worker = deploy.splitlines()
        terminal.type("\n".join(deployed))
        children.append(terminal.start(worker, "worker.log"))
        for line in first.splitlines():
            said = terminal.type(line)
        assert "released" in said
        assert "dice" in terminal.type("spotkiln status dice")
    finally:
        for child in reversed(children):
            end(child)
