"""Request, promote, cancel and retire fleets."""

import logging
from collections.abc import Sequence
from functools import partial

from prefect import task

from spotkiln.aws.serve import serving as now
from spotkiln.aws.serve.cancel import cancel
from spotkiln.aws.serve.launchers import launchers
from spotkiln.aws.serve.promote import promote
from spotkiln.aws.serve.replace import retire_replaced
from spotkiln.aws.session import connect
from spotkiln.bake.image import Image
from spotkiln.bake.infra import Infra
from spotkiln.errors import SpotkilnError
from spotkiln.release.ledger import REQUESTED
from spotkiln.serve.capacity import Size
from spotkiln.serve.fleet import Fleet
from spotkiln.serve.order import Order
from spotkiln.serve.spec import FleetSpec
from spotkiln.tasks.progress import tell
from spotkiln.tasks.step import CLOCK, STEP, say


@task(name="find serving fleets", task_run_name="1 look up: what serves", **STEP)
def find_serving(infra: Infra, seen: Sequence[Fleet] | None = None) -> list[Fleet]:
    """Our fleets that serve the target group, newest first. `seen` are all fleets, if they were
    just looked at.

    Raises:
        InputError: another deployment's servers are in one of its target groups.
    """
    return now.serving_alone(connect(infra.region), infra, seen)


@task(name="compare with what serves", task_run_name="1 look up: compare with what serves", **STEP)
def is_unchanged(infra: Infra, spec: FleetSpec, image: Image, current: Fleet) -> bool:
    """Whether nothing is to be done: see `spotkiln.aws.serve.serving`."""
    return now.is_unchanged(connect(infra.region), infra, spec, image, current, CLOCK, say)


@task(name="choose the capacity", task_run_name="4 launch: choose the capacity", **STEP)
def choose_size(infra: Infra, spec: FleetSpec) -> Size:
    """How many servers to ask for. It is looked up late, as somebody may scale what serves."""
    chosen = now.sized(connect(infra.region), infra, spec)
    if chosen.why:
        say(chosen.in_words)
    return chosen


@task(name="suspend scaling", task_run_name="4 launch: suspend scaling", **STEP)
def suspend_scaling(infra: Infra, serve: list[Fleet], release: str) -> None:
    """AWS scales what serves no more until the hand-over has ended, one way or the other."""
    launchers(connect(infra.region)).suspend_scaling(serve, release)


@task(name="resume scaling", task_run_name="undo: resume scaling", **STEP)
def resume_scaling(infra: Infra, release: str) -> list[str]:
    """What serves scales again as it did before this release; the ids."""
    return [one.id for one in now.resume_scaling(connect(infra.region), release)]


@task(name="grow", task_run_name="4 launch: compare with what serves", **STEP)
def grow(infra: Infra, spec: FleetSpec, new: Fleet, before: list[Fleet]) -> Fleet:
    """The new fleet, made as large as what serves if that has been scaled out meanwhile. It is what
    served `before`."""
    found = now.grown(connect(infra.region), infra, spec, new, before)
    if found.capacity != new.capacity:
        say(f"{found.capacity} serve now: {new.id} grows from {new.capacity}")
    return found


@task(name="request fleet", task_run_name="4 launch: request fleet", **STEP)
def request_fleet(order: Order) -> Fleet:
    """Ask for the fleet. It is pending until it has passed the gate. The same order twice is one
    fleet.

    Raises:
        InputError: another deployment has launched into one of its target groups just before.
    """
    aws = connect(order.infra.region)
    fleet = launchers(aws).launch(order, note=partial(REQUESTED.note, order.release))
    say(f"requested {fleet.id}: {order.wanted.in_words}")
    now.require_first(aws, order.infra, fleet)
    return fleet


@task(name="enlarge fleet", task_run_name="4 launch: next batch", **STEP)
def enlarge_fleet(order: Order, fleet: Fleet, capacity: int) -> Fleet:
    """Ask for the next batch of what was ordered. The old servers are all there still."""
    say(f"{fleet.id} grows from {fleet.capacity} to {capacity} of {order.wanted.capacity}")
    return launchers(connect(order.infra.region)).enlarge(fleet, order, capacity)


@task(name="see what was launched", task_run_name="4 launch: see what was launched", **STEP)
def count_live(infra: Infra, fleet: Fleet) -> int:
    """How many instances a fleet has now."""
    return sum(one.live for one in launchers(connect(infra.region)).members(fleet))


@task(name="promote fleet", task_run_name="4 launch: promote fleet", **STEP)
def promote_fleet(fleet: Fleet, infra: Infra, before: list[Fleet]) -> Fleet:
    """Promote a fleet that has passed the gate, in place of what served `before`."""
    return promote(connect(infra.region), fleet, infra, before)


def cancel_fleet(infra: Infra, release: str) -> list[str]:
    """Undo the launch of a release, wherever it was left.

    What serves is compared with what served before the first try. So a loss is told even if only
    the second try comes to its end.

    Raises:
        DeadlineExceeded: something did not go.
        InfrastructureError: what serves has changed.
    """
    try:
        before = [one.id for one in find_serving(infra)]
    except SpotkilnError as error:
        say(f"what serves cannot be compared: {error}", logging.WARNING)
        return cancel_request(infra, release, None)
    return cancel_request(infra, release, before)


@task(name="cancel fleet", task_run_name="undo: cancel fleet", **STEP)
def cancel_request(infra: Infra, release: str, before: list[str] | None) -> list[str]:
    """Take away what the release launched, without loss; then compare what serves with `before`,
    if that is known."""
    return cancel(connect(infra.region), infra, release, before, CLOCK, tell)


@task(name="retire fleets", task_run_name="5 retire: old fleets", **STEP)
def retire_fleets(infra: Infra, new: Fleet) -> list[Fleet]:
    """Retire all that the new fleet replaces, without loss, and verify that it is gone."""
    return retire_replaced(connect(infra.region), infra, new, CLOCK, tell)
