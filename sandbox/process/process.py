"""The sandbox as a process: in the foreground, detached, ended, cleaned up."""

import argparse
import gc
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import FrameType

from sandbox.engine.account_settings import AccountSettings
from sandbox.machines.protocol import MachineError
from sandbox.process.directory import Directory
from sandbox.process.say import complain, say

log = logging.getLogger(__name__)

# The first start with docker machines makes the base image, which takes minutes.
READY_SECONDS = {"simulated": 60.0, "docker": 1800.0}
# How long the process has to end its machines before it is killed.
_DOWN_SECONDS = 90.0


class _Stop:
    """SIGINT and SIGTERM. While the sandbox starts they end it at once; later they end it in
    order."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._ready = False
        for one in (signal.SIGINT, signal.SIGTERM):
            signal.signal(one, self._ask)

    def wait(self) -> None:
        self._ready = True
        self._asked.wait()

    def _ask(self, number: int, _frame: FrameType | None) -> None:
        log.info("ending, as %s asked", signal.Signals(number).name)
        already = self._asked.is_set()
        self._asked.set()
        if not self._ready and not already:
            raise SystemExit(128 + number)


def serve(options: argparse.Namespace) -> int:
    """Returns after SIGINT or SIGTERM."""
    stop = _Stop()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
    for noisy in ("werkzeug", "aiohttp.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    directory = Directory(options.dir)
    name = options.name or directory.default_name
    with directory.hold():
        clean_up(directory, resumes=options.resume)  # what a killed sandbox left
        directory.claim(name, options.machines, resumes=options.resume)
        try:
            _serve(options, directory, name, stop)
        except MachineError as error:
            complain(f"the sandbox can't start: {error}")
            return 1
        finally:
            clean_up(directory, resumes=options.resume)
    return 0


def _serve(options: argparse.Namespace, directory: Directory, name: str, stop: _Stop) -> None:
    from sandbox.process import quick_start

    quick_start.apply()
    # Nothing of what is imported is garbage, so the collector need not look through it.
    gc.disable()
    from sandbox.process.server import Options, Server  # moto takes seconds to import

    gc.freeze()
    gc.enable()
    server = Server(
        Options(
            directory=directory,
            name=name,
            machines=options.machines,
            speed=options.speed,
            region=options.region,
            port=options.port,
            kept=tuple(options.kept),
            resume=options.resume,
            account=AccountSettings.from_json(json.loads(options.account)),
        )
    )
    try:
        description = server.start()
        say(f"ready: {description['endpoint']} ({directory.description})")
        stop.wait()
    finally:
        server.stop()


def clean_up(directory: Directory, *, resumes: bool = False) -> None:
    """Remove what a sandbox of this directory left, however it ended. The caller holds the
    directory. `resumes`: what a next one can go on with stays, images and account."""
    claim = directory.claimed()
    if claim is not None and claim["machines"] == "docker":
        sweep(str(claim["name"]), spare_images=resumes)
    directory.forget()
    if resumes:
        return
    if (kept := directory.kept_by()) is not None and kept["machines"] == "docker":
        sweep(str(kept["name"]))
    directory.kept.unlink(missing_ok=True)


def detach(options: argparse.Namespace) -> int:
    """Start a process that serves, and wait until it is ready."""
    directory = Directory(options.dir)
    with directory.hold():
        # A description that appears from now on is the new sandbox's.
        clean_up(directory, resumes=options.resume)
    command = [sys.executable, "-m", "sandbox", "up", "--dir", str(directory.path)]
    for name in ("machines", "speed", "region", "port", "account"):
        command += [f"--{name}", str(getattr(options, name))]
    command += ["--name", options.name] if options.name else []
    command += ["--resume"] if options.resume else []
    for key in options.kept:
        command += ["--kept", key]
    with directory.log.open("ab") as out:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": _python_path()},
        )
    try:
        return _until_ready(directory, process, READY_SECONDS[options.machines])
    except BaseException:
        process.terminate()
        raise


def _until_ready(directory: Directory, process: "subprocess.Popen[bytes]", patience: float) -> int:
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if process.poll() is not None:
            return _failed(directory, f"it ended with {process.returncode}")
        description = directory.read()
        if description is not None and description["pid"] == process.pid:
            say(f"ready: {description['endpoint']} ({directory.description})")
            return 0
        time.sleep(0.05)
    process.terminate()
    return _failed(directory, f"it was not ready after {patience:.0f} s")


def _python_path() -> str:
    """With this the new process finds the package from any working directory."""
    root = str(Path(__file__).parents[2])
    return os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])


def _failed(directory: Directory, reason: str) -> int:
    lines = directory.log.read_text(errors="replace").splitlines()[-15:]
    complain(f"the sandbox did not start: {reason}. Last lines of {directory.log}:")
    complain("\n".join(lines))
    return 1


def down(directory: Directory, *, forget: bool = False) -> int:
    """`forget`: also what a sandbox that was started with --resume leaves for the next one."""
    claim = directory.claimed()
    if directory.running():
        if claim is None:
            complain(f"a sandbox is just starting in {directory.path}; try again")
            return 1
        _end(directory, int(claim["pid"]))
    with directory.hold():
        resumed = claim is None or bool(claim.get("resumes"))
        clean_up(directory, resumes=resumed and not forget)
    return 0


def _end(directory: Directory, pid: int) -> None:
    """SIGTERM first, then SIGKILL. The lock tells when it has ended, so a reused pid does no
    harm."""
    for number, seconds in ((signal.SIGTERM, _DOWN_SECONDS), (signal.SIGKILL, 10.0)):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not directory.running() and not _lives(pid):
                return
            time.sleep(0.05)
    raise SystemExit(f"the sandbox in {directory.path} (pid {pid}) can't be ended")


def _lives(pid: int) -> bool:
    """A zombie, whose parent has not read its status yet, does not count."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def sweep(name: str, *, spare_images: bool = False) -> None:
    """Remove what a sandbox of that name left behind in docker."""
    from sandbox.machines.docker.machines import connect
    from sandbox.machines.docker.sweep import sweep as sweep_docker

    sweep_docker(connect(), name, spare_images=spare_images)


def forget(directory: Directory) -> list[str]:
    """Drop the kept images. No sandbox has to run."""
    from sandbox.machines.docker.machines import DockerMachines

    machines = DockerMachines(directory.default_name)
    try:
        return machines.forget_images()
    finally:
        machines.close()
