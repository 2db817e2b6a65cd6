"""World: the sandbox with a Prefect server and a worker beside it, from start to end."""

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from rehearsal import lines
from rehearsal.account import start_sandbox
from rehearsal.prefect_local import LocalPrefect
from sandbox.client import Sandbox
from spotkiln.bake.base import BaseSpec

Say = Callable[[str], None]
BASE = BaseSpec()


class World(NamedTuple):
    prefect: LocalPrefect
    box: Sandbox


def begin(
    stack: ExitStack,
    *,
    home: Path,
    sandbox: Path,
    machines: str,
    password: str,
    port: int,
    say: Say,
    target_groups: list[dict[str, Any]],
    settings: Mapping[str, str] | None = None,
    base: BaseSpec = BASE,
    meanwhile: Callable[[Sandbox], None] = lambda _: None,
) -> World:
    """Start it; it ends with the stack, what runs before its cloud. Prefect starts while the base
    image is made, and `meanwhile` is called. Afterwards it has a worker and no deployment.

    `home` is Prefect's and the worker's folder, `settings` are more variables for both.
    """
    say("starting the sandbox (its own EC2) and a Prefect server ...")
    own = {"SPOTKILN_HOME": str(home / "spotkiln"), **(settings or {})}
    prefect = LocalPrefect(home / "prefect", own, port, password)
    stack.enter_context(prefect)
    prefect.start_server()
    box = stack.enter_context(start_sandbox(sandbox, machines, target_groups, lines.key_of(base)))
    stack.callback(prefect.stop)
    # From here on this process, too, finds the sandbox's EC2 and the Packer that fits it.
    os.environ.update(box.environment)
    prefect.environment.update(box.environment)
    meanwhile(box)
    lines.ensure(box, base, say)
    prefect.wait_for_server()
    prefect.make_pool()
    prefect.start_worker()
    return World(prefect, box)
