"""All of Spotkiln on this machine until Ctrl-C: Prefect's server, a worker, the deployments of
prefect.yaml, the automations and the push receiver. Against the sandbox, or against the account
that this machine's AWS credentials belong to; then nothing of the sandbox is started.
"""

import argparse
import os
import signal
import time
from contextlib import ExitStack
from pathlib import Path

import httpx

from examples.up.account import require_account
from examples.up.alone import Home, RunsAlready
from examples.up.ports import PortTaken
from examples.up.say import say
from examples.up.start import Options, Running, start
from examples.up.stop import Stop
from examples.up.tell import tell, tell_first
from rehearsal.build import FOLDER, NAME
from rehearsal.prefect_local import BUILD, ROOT
from sandbox.client import SandboxError
from spotkiln.errors import InputError


def wait(running: Running, stop: Stop) -> int:
    """Until Ctrl-C, or until something that should run has ended by itself."""
    while not stop.once.wait(2):
        for child in running.prefect.children:
            if child.poll() is not None:
                say(f"ended by itself with {child.returncode}: {child.args!r}; see the logs")
                return 1
        if running.furnisher:
            try:
                running.furnisher.look()
            except httpx.HTTPError as error:
                say(f"the deployments could not be read, which is tried again: {error}")
    return 0


def leave(running: Running, stop: Stop) -> None:
    """On an account a release that runs is finished, unless told twice."""
    worker = running.prefect.worker
    worker.send_signal(signal.SIGTERM)
    say("waiting for releases that run; Ctrl-C again ends them: reconcile settles what they leave")
    while worker.poll() is None and not stop.twice.wait(0.5):
        pass


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def wait_for(pid: int) -> None:
    """For a worker that a killed one left, with releases on an account."""
    say("waiting for releases that still run; Ctrl-C ends this, and not them")
    while _lives(pid):
        time.sleep(0.5)


def serve(options: Options, home: Home) -> int:
    stop = Stop()
    home.clear(say, wait_for if options.account else None)
    with ExitStack() as stack:
        running = start(stack, options)
        home.tell({"pid": os.getpid(), "address": running.prefect.address})
        stop.started = True
        tell(running, options)
        code = wait(running, stop)
        if options.account:
            leave(running, stop)
        say("cleaning up ...")
    return code


def parse() -> Options:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--account", action="store_true", help="AWS, with this machine's rights")
    parser.add_argument("--machines", choices=["docker", "simulated"], default="docker")
    parser.add_argument("--port", type=int, help="of the UI; 0: any that is free")
    parser.add_argument("--receiver-port", type=int, help="of the push receiver")
    parser.add_argument("--home", type=Path, help="its database, secret and logs")
    parser.add_argument("--fresh", action="store_true", help="forget what the last one left")
    parser.add_argument("--schedules", action="store_true", help="on an account, too")
    given = parser.parse_args()
    usual = BUILD / ("up-account" if given.account else "up")
    return Options(
        account=given.account,
        machines=given.machines,
        home=(given.home or usual).absolute(),
        port=given.port,
        receiver_port=given.receiver_port,
        fresh=given.fresh,
        schedules=given.schedules or not given.account,
    )


def main() -> int:
    options = parse()
    if BUILD != ROOT / NAME and not os.environ.get(FOLDER):
        say(f"another user's build folder is left alone: here it is {BUILD}")
    home = Home(options.home)
    try:
        if options.account:
            say(require_account())
        with home.hold():
            return serve(options, home)
    except RunsAlready as first:
        tell_first(first.told, options.home)
        return 0
    except (InputError, PortTaken) as error:
        say(str(error))
        return 2
    except (SandboxError, RuntimeError) as error:
        # What was started has ended with it; it names the log.
        say(f"`make up` ends: {error}")
        return 1


if __name__ == "__main__":
    raise SystemExit(main())
