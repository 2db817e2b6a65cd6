"""Start: everything, in order; it ends with the stack, the newest first."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from examples import repositories
from examples.up import environment as shell
from examples.up import history
from examples.up.furnish import Furnisher
from examples.up.ports import choose
from examples.up.say import say
from rehearsal.account import ensure_base_image, start_sandbox
from rehearsal.answering import wait_for_answer
from rehearsal.build import trusted
from rehearsal.prefect_local import BUILD, ROOT, LocalPrefect, kept_secret
from sandbox.client import Sandbox
from sandbox.process.directory import Directory

SERVER_PORT, RECEIVER_PORT = 4200, 4180
RECEIVER = "SPOTKILN_RECEIVER_"
ACCESS = ("PREFECT_API_URL", "PREFECT_API_AUTH_STRING", "PREFECT_API_SSL_CERT_FILE")
BIN, ENVIRONMENT = "bin", "environment"


@dataclass(frozen=True)
class Options:
    """`port` and `receiver_port`: None for the usual ones; 0 for any. `fresh`: nothing of the last
    one is taken over. `schedules`: runs are started by schedules."""

    account: bool = False
    machines: str = "docker"
    home: Path = field(default_factory=lambda: BUILD / "up")
    port: int | None = None
    receiver_port: int | None = None
    fresh: bool = False
    schedules: bool = True

    @property
    def sandbox(self) -> Path:
        """Each kind of machines has its own: what one has left is nothing to the other."""
        kind = "sandbox" if self.machines == "docker" else self.machines
        return self.home.parent / f"{self.home.name}-{kind}"


@dataclass
class Running:
    prefect: LocalPrefect
    home: Path
    box: Sandbox | None = None
    furnisher: Furnisher | None = None


def ports(options: Options, given: Mapping[str, str]) -> dict[str, int]:
    """Those of the UI and of the receiver.

    Raises:
        PortTaken: one that was asked for is.
    """
    asked = options.receiver_port
    if asked is None and given.get(f"{RECEIVER}PORT"):
        asked = int(given[f"{RECEIVER}PORT"])
    server = choose(options.port, SERVER_PORT, "the Prefect UI", "UI_PORT")
    receiver = choose(asked, RECEIVER_PORT, "the receiver", "RECEIVER_PORT")
    for _, told in (server, receiver):
        if told:
            say(told)
    return {"server": server[0], "receiver": receiver[0]}


def receiver_settings(home: Path, given: Mapping[str, str], port: int) -> dict[str, str]:
    """The receiver's environment; the user's own settings of it come first."""
    if any(name.startswith(RECEIVER) and name.endswith("_SECRETS") for name in given):
        settings = {}
    else:
        settings = {
            f"{RECEIVER}GITHUB_SECRETS": "SPOTKILN_PUSH_SECRET",
            "SPOTKILN_PUSH_SECRET": kept_secret(home / "push-secret"),
        }
    return {**settings, f"{RECEIVER}PORT": str(port)}


def receiver_address(environment: Mapping[str, str]) -> str:
    """Where it is reached from this machine; its settings are in the environment."""
    address = environment.get(f"{RECEIVER}ADDRESS") or "127.0.0.1"
    host = {str(IPv4Address(0)): "127.0.0.1", str(IPv6Address(0)): "::1"}.get(address, address)
    port = environment[f"{RECEIVER}PORT"]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def without_other_aws() -> None:
    """A profile or a token of the user's own would come before the sandbox's."""
    for name in [one for one in os.environ if one.startswith("AWS_")]:
        del os.environ[name]


def forget(options: Options) -> None:
    """What the last one left for the next: machines' images, the account, Prefect's history."""
    shutil.rmtree(options.home / "prefect", ignore_errors=True)
    if options.sandbox.exists():
        command = [sys.executable, "-m", "sandbox", "down", "--forget", "--dir"]
        subprocess.run([*command, str(options.sandbox)], cwd=ROOT, check=True)


def start_cloud(stack: ExitStack, options: Options) -> Sandbox:
    """The sandbox; from here on this process, too, finds its EC2 and the Packer that fits it."""
    without_other_aws()
    box = stack.enter_context(start_sandbox(options.sandbox, options.machines, resume=True))
    if resumed := box.description["resumed"]:
        say(f"the sandbox {resumed}" if resumed.startswith("goes") else resumed)
    os.environ.update(box.environment)
    return box


def fill(box: Sandbox) -> None:
    """What the deployments of prefect.yaml are released from, and built upon."""
    for changed in repositories.ensure():
        say(f"{changed} has changes of yours, and stays as it is")
    ensure_base_image(box, say)


def start_receiver(prefect: LocalPrefect) -> Callable[[], None]:
    """It starts beside the rest. What is returned waits until it takes pushes."""
    log = "receiver.log"
    child = prefect.start(Path(sys.executable).name, "-m", "spotkiln.receiver", log=log)
    return partial(
        wait_for_answer,
        child,
        f"{receiver_address(prefect.environment)}/health",
        what="the push receiver",
        log=prefect.home / log,
    )


def start(stack: ExitStack, options: Options) -> Running:
    home = options.home
    free = ports(options, os.environ)
    if options.fresh:
        say("forgetting what the last one left ...")
        forget(options)
    password = kept_secret(home / "password", "spotkiln:")
    box, own = None, {"SPOTKILN_HOME": str(home / "spotkiln")}
    what = "a Prefect server" if options.account else "the sandbox (its own EC2), a Prefect server"
    say(f"starting {what} ...")
    if not options.account:
        box = start_cloud(stack, options)
        own |= {**box.environment, "SANDBOX_DIR": str(box.directory)}
        # What lets `spotkiln ssh NAME` in.
        own["SPOTKILN_SSH_KEY"] = str(Directory(box.directory).key)
    receiver = {}
    if find_spec("spotkiln.receiver"):
        receiver = receiver_settings(home, os.environ, free["receiver"])
    settings = {**own, **receiver}
    if not options.schedules:
        settings["PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED"] = "false"
    prefect = LocalPrefect(home / "prefect", settings, free["server"], password)
    stack.enter_context(prefect)
    prefect.start_server()
    if box:
        fill(box)
    prefect.wait_for_server()
    running = Running(prefect, home, box)
    wait = start_receiver(prefect) if receiver else None
    work(running, schedules=options.schedules)
    if wait:
        wait()
    _write_environment(stack, running, own)
    return running


def work(running: Running, *, schedules: bool) -> None:
    """Deployments, and a worker for them."""
    prefect = running.prefect
    prefect.make_pool()
    if lost := history.settle(prefect.address, prefect.password, schedules=schedules):
        say(f"runs that had lost their worker, and are shown as crashed: {lost}")
    prefect.start_worker()
    prefect.deploy()
    if running.box:
        running.furnisher = Furnisher(running.box, prefect.address, prefect.password, say)
        running.furnisher.look()


def _write_environment(stack: ExitStack, running: Running, own: Mapping[str, str]) -> None:
    home, prefect = running.home, running.prefect
    access = {name: prefect.environment[name] for name in ACCESS}
    shared = {**access, **trusted(ROOT, os.getuid()), **own}
    python = Path(sys.executable)
    sandbox = running.box is not None
    shell.write_commands(home / BIN, python, ROOT, sandbox=sandbox)
    text = shell.script(shared, home / BIN, shell.OTHERS if sandbox else ())
    shell.write(home / ENVIRONMENT, text)
    # What it leads to is gone then.
    stack.callback((home / ENVIRONMENT).unlink, missing_ok=True)
