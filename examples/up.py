"""All of Spotkiln on this machine until Ctrl-C: Prefect's server, a worker, the deployments of
prefect.yaml, the automations and the push receiver. Against the sandbox, or against the account
that this machine's AWS credentials belong to; then nothing of the sandbox is started.
"""

import argparse
import os
import shlex
import shutil
import signal
import sys
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

from examples import repositories
from rehearsal.account import ensure_base_image, start_sandbox
from rehearsal.prefect_local import BUILD, LocalPrefect, free_port, kept_secret
from sandbox.client import Sandbox

SERVER_PORT, RECEIVER_PORT = 4200, 4180
RECEIVER = "SPOTKILN_RECEIVER_"
GROUPS = ("website", "dice")


def log(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - this is what it is for


class Stop:
    """Ctrl-C or SIGTERM, once or twice. While everything is being started it ends at once."""

    def __init__(self) -> None:
        self.started = False
        self.once, self.twice = threading.Event(), threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._told)

    def _told(self, number: int, frame: object) -> None:  # noqa: ARG002
        if not self.started:
            raise SystemExit(128 + number)
        (self.twice if self.once.is_set() else self.once).set()


def receiver_settings(home: Path, given: Mapping[str, str]) -> dict[str, str]:
    """The receiver's environment; the user's own settings of it come first."""
    if any(name.startswith(RECEIVER) and name.endswith("_SECRETS") for name in given):
        settings = {}
    else:
        settings = {
            f"{RECEIVER}GITHUB_SECRETS": "SPOTKILN_PUSH_SECRET",
            "SPOTKILN_PUSH_SECRET": kept_secret(home / "push-secret"),
        }
    wanted = int(given.get(f"{RECEIVER}PORT", RECEIVER_PORT))
    return {**settings, f"{RECEIVER}PORT": str(free_port(wanted))}


def write_environment(file: Path, environment: Mapping[str, str]) -> None:
    """What another terminal needs to use the command `spotkiln`; the password is among it."""
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in environment.items()]
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write("".join(lines))


def start(stack: ExitStack, options: argparse.Namespace) -> tuple[LocalPrefect, Sandbox | None]:
    """Everything; it ends with the stack, the newest first."""
    home = options.home or BUILD / ("up-account" if options.account else "up")
    if not options.account:
        # What its history tells of is gone with the last sandbox.
        shutil.rmtree(home / "prefect", ignore_errors=True)
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o700)
    password = kept_secret(home / "password", "spotkiln:")
    box, environment = None, {"SPOTKILN_HOME": str(home / "spotkiln")}
    if not options.account:
        log("starting the sandbox (its own EC2) and a Prefect server ...")
        box = stack.enter_context(start_sandbox(BUILD / "up-sandbox", options.machines))
        os.environ.update(box.environment)
        environment |= {**box.environment, "SANDBOX_DIR": str(box.directory)}
    receiver = receiver_settings(home, os.environ) if find_spec("spotkiln.receiver") else {}
    settings = {**environment, **receiver}
    prefect = LocalPrefect(home / "prefect", settings, options.port, password)
    stack.enter_context(prefect)
    prefect.start_server()
    if box:
        repositories.make_demo()
        repositories.make_dice()
        ensure_base_image(box, log)
    prefect.wait_for_server()
    prefect.make_pool()
    prefect.start_worker()
    prefect.deploy()
    if receiver:
        prefect.start(Path(sys.executable).name, "-m", "spotkiln.receiver", log="receiver.log")
    names = ("PREFECT_API_URL", "PREFECT_API_AUTH_STRING")
    shared = {**{name: prefect.environment[name] for name in names}, **environment}
    write_environment(home / "environment", shared)
    return prefect, box


def tell(prefect: LocalPrefect, box: Sandbox | None) -> None:
    home = Path(os.path.relpath(prefect.home.parent))
    log(f"\n  Prefect UI   {prefect.address}")
    log(f"               it asks for a password: the whole line in {home / 'password'}")
    if port := prefect.environment.get(f"{RECEIVER}PORT"):
        log(f"  receiver     http://127.0.0.1:{port}, its secret in {home / 'push-secret'}")
    if box:
        for group in GROUPS:
            log(f"  {group:<12} {box.load_balancer(group)}")
    log(f"  logs         {home / prefect.home.name}/*.log")
    log(
        f"\n  in another terminal:  . {home / 'environment'}\n"
        "                        .venv/bin/spotkiln doctor\n"
        "                        .venv/bin/spotkiln release demo-web-app"
    )
    if box:
        log("                        .venv/bin/python -m sandbox parameters")
    log("\n  Ctrl-C ends it all and cleans up")


def wait(prefect: LocalPrefect, stop: Stop) -> int:
    """Until Ctrl-C, or until something that should run has ended by itself."""
    while not stop.once.wait(1):
        for child in prefect.children:
            if child.poll() is not None:
                log(f"ended by itself with {child.returncode}: {child.args!r}; see the logs")
                return 1
    return 0


def leave(prefect: LocalPrefect, stop: Stop) -> None:
    """On an account a release that runs is finished, unless told twice."""
    prefect.worker.send_signal(signal.SIGTERM)
    log("waiting for releases that run; Ctrl-C again ends them: reconcile settles what they leave")
    while prefect.worker.poll() is None and not stop.twice.wait(0.5):
        pass


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--account", action="store_true", help="AWS, with this machine's rights")
    parser.add_argument("--machines", choices=["docker", "simulated"], default="docker")
    parser.add_argument("--port", type=int, default=SERVER_PORT, help="of the UI, if it is free")
    parser.add_argument("--home", type=Path, help="its database, secret and logs")
    options = parser.parse_args()
    if options.account and (endpoint := os.environ.get("AWS_ENDPOINT_URL")):
        log(f"AWS_ENDPOINT_URL is {endpoint}, which is no account: unset it")
        return 2
    stop = Stop()
    with ExitStack() as stack:
        prefect, box = start(stack, options)
        tell(prefect, box)
        stop.started = True
        code = wait(prefect, stop)
        if options.account:
            leave(prefect, stop)
        log("cleaning up ...")
    return code


if __name__ == "__main__":
    raise SystemExit(main())
