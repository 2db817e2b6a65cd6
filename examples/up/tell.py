"""Tell: what runs, and what to do with it."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from examples.up.account import suggestions
from examples.up.say import say
from examples.up.start import ENVIRONMENT, RECEIVER, Options, Running, receiver_address
from rehearsal.prefect_client import client_of
from sandbox.client import by_address
from spotkiln.start.deployment import RELEASE

IN_SANDBOX = ("spotkiln doctor", "spotkiln release demo-web-app", "sandbox parameters")


def _near(path: Path) -> Path:
    """As it is typed here."""
    near = Path(os.path.relpath(path))
    return path if near.parts[:1] == ("..",) else near


def _releases(running: Running) -> list[dict[str, Any]]:
    asked = {"flows": {"name": {"any_": [RELEASE]}}, "sort": "NAME_ASC"}
    with client_of(running.prefect.address, running.prefect.password) as prefect:
        found: list[dict[str, Any]] = prefect.post("/deployments/filter", json=asked).json()
    return found


def commands(home: Path, suggested: Sequence[str]) -> list[str]:
    first = f"  in another terminal:  . {_near(home / ENVIRONMENT)}"
    return [first, *(f"                        {one}" for one in suggested)]


def addresses(balancers: Mapping[str, str]) -> dict[str, str]:
    """By the target group that each is told by: of a pair the first."""
    return {names[0]: address for address, names in by_address(balancers).items()}


def tell(running: Running, options: Options) -> None:
    prefect, home = running.prefect, _near(running.home)
    say(f"\n  Prefect UI   {prefect.address}")
    say(f"               it asks for a password: the whole line in {home / 'password'}")
    if f"{RECEIVER}PORT" in prefect.environment:
        address = receiver_address(prefect.environment)
        say(f"  receiver     {address}, its secret in {home / 'push-secret'}")
    if running.box:
        found = addresses(running.box.load_balancers())
        width = max(12, *map(len, found))
        for group, address in found.items():
            say(f"  {group:<{width}} {address}")
    say(f"  logs         {home / prefect.home.name}/*.log")
    if not options.schedules:
        say("  schedules    start nothing here; `make up ACCOUNT=1 SCHEDULES=1` lets them")
    suggested = IN_SANDBOX if running.box else suggestions(_releases(running))
    say("\n" + "\n".join(commands(running.home, suggested)))
    say("\n  spotkiln_deactivate there undoes it")
    say("  Ctrl-C ends it all and cleans up" + ("; the account stays as it is" * options.account))


def tell_first(told: dict[str, Any], home: Path) -> None:
    """That another one runs here already."""
    if "address" not in told:
        say(f"another `make up` is just starting or ending here (pid {told.get('pid', '?')})")
        return
    say(f"`make up` runs here already (pid {told['pid']}); Ctrl-C in its terminal ends it")
    say(f"\n  Prefect UI   {told['address']}")
    say("\n".join(commands(home, ["spotkiln doctor"])))
