"""A database or Redis beside the sandbox's servers, on a machine of its own: its address becomes a
parameter, which they read when they boot."""

import argparse
import os
from pathlib import Path

from examples.up.say import say
from rehearsal.machine import Machines, NotThere
from rehearsal.services import KINDS, start
from sandbox.client import Sandbox, SandboxError
from sandbox.settings import Settings


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="sandbox-service", description=__doc__)
    made.add_argument("kind", choices=sorted(KINDS))
    made.add_argument("parameter", help="such as /shop/staging/DATABASE_URL")
    made.add_argument("--dir", type=Path, default=os.environ.get("SANDBOX_DIR"))
    return made


def main() -> int:
    asked = parser()
    given = asked.parse_args()
    if given.dir is None:
        asked.error("which sandbox? `. build/up/environment`, or --dir")
    try:
        box = Sandbox.attach(given.dir)
        if box.description["machines"] != "docker":
            say("simulated machines run nothing: there is nobody who would use a service")
            return 1
        service = start(box, Machines(box), given.kind, say)
        (address,) = service.settings.values()
        Settings(box).set_parameter(given.parameter, address, secure=True)
    except (SandboxError, NotThere) as error:
        say(str(error))
        return 1
    say(f"{given.kind} runs on {service.instance}; {given.parameter} holds its address")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
