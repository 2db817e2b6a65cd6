"""From a chosen image to servers that serve: what a release and a rollback have in common."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Protocol

from spotkiln.aws.serve.batch import Watched
from spotkiln.bake.image import Image
from spotkiln.bake.infra import Infra
from spotkiln.errors import ImageRejected
from spotkiln.keep.heartbeat import Heartbeat
from spotkiln.release.happening import (
    CostReckoned,
    Ended,
    FleetPromoted,
    FleetRequested,
    FleetsRetired,
    GatePassed,
    HandedOver,
    ImageBlamed,
    SizeChosen,
)
from spotkiln.release.hook import Moment
from spotkiln.release.release import Outcome
from spotkiln.release.summary import fleet_tags, tags
from spotkiln.serve.batches import batches
from spotkiln.serve.fleet import Fleet
from spotkiln.serve.gate import GatePolicy, limits
from spotkiln.serve.order import Order
from spotkiln.target import Server
from spotkiln.tasks.bake.errand import check_step, smoke_test, trial_of
from spotkiln.tasks.bake.image import blame_image, mark_released, prune_versions
from spotkiln.tasks.release.hooks import Hooked
from spotkiln.tasks.release.run import ReleaseRun
from spotkiln.tasks.serve.fleet import (
    cancel_fleet,
    choose_size,
    grow,
    promote_fleet,
    request_fleet,
    resume_scaling,
    retire_fleets,
    suspend_scaling,
)
from spotkiln.tasks.serve.gate import prove, still_healthy, watch_batches
from spotkiln.tasks.serve.price import price
from spotkiln.tasks.serve.traffic import choose_idle, end_hand_over, shift_traffic
from spotkiln.tasks.step import not_urgent
from spotkiln.undo import UndoStack


class Tests(Protocol):
    """Those of the image, which may run beside the launch."""

    def check(self) -> None:
        """Raises what they have come to, if they have ended, and not well."""

    def wait(self) -> bool:
        """Until it is known that they are green; whether that took any time. Raises as `check`."""

    def under_way(self) -> bool:
        """Whether requests wait for them, whatever the servers do."""

    def end(self) -> None:
        """Until nothing of them is under way, machines included."""


class Passed:
    """Of an image that has passed its tests before."""

    def check(self) -> None: ...

    def wait(self) -> bool:
        return False

    def under_way(self) -> bool:
        return False

    def end(self) -> None: ...


PASSED = Passed()


def serve(
    run: ReleaseRun,
    undo: UndoStack,
    turn: Heartbeat,
    image: Image,
    found: Infra,
    before: list[Fleet],
    tests: Tests = PASSED,
) -> None:
    """Launch, pass the gate, promote; then retire what the new fleet replaces. With two target
    groups the new fleet gets its requests step by step before it is promoted, and only once the
    image's tests have passed; with one its servers may come in batches.

    What serves is not touched before the new fleet has proved itself. After that nothing is undone.
    `before` is what served when the turn began. The turn is checked before each step that changes
    what serves: this worker may have slept, and another release may have taken the turn.
    """
    spec = run.spec
    hooked = Hooked(run, found, image, before[0].image if before else "")
    hooked.at(Moment.BEFORE_LAUNCH)
    tests.check()
    turn.launch()
    if spec.hooks.after_rollback.asked:
        undo.later("call the hook after rollback", _after_rollback, hooked, tests)
    scaled = [one for one in before if one.scales]
    if scaled:
        undo.later("resume scaling", resume_scaling, found, run.id)
    undo.later("cancel fleet", cancel_fleet, found, run.id)
    with run.timed("launch"):
        if scaled:
            suspend_scaling(found, scaled, run.id)
        size = choose_size(found, spec.fleet)
        run.note(SizeChosen(size=size))
        policy = spec.gate_for(run.book.source, image)
        allowed = limits(policy, *found.groups)
        plan = batches(spec.traffic, found, size.spec.capacity, before)
        order = Order(
            wanted=size.spec,
            asked=spec.fleet,
            image=image,
            infra=choose_idle(found, before) if found.second else found,
            tags=fleet_tags(run.book),
            patience_seconds=round(allowed.health),
            warm_up_seconds=round(allowed.grace),
            least=size.least,
            batches=plan,
        )
        beside = watch_batches(found, spec.traffic, _trial(run, order, hooked)) if plan else None
        new = request_fleet(order)
        run.note(FleetRequested(fleet=new))
    try:
        new, servers = _pass_gate(run, turn, new, order, policy, tests, beside, before)
    except ImageRejected as error:
        with not_urgent("mark the image", "it tells nothing of the verdict"):
            # Without the application's own lines: they may hold a secret, and this is a tag.
            blamed = blame_image(image, found, error.message, keep=spec.keep_rejected)
            run.note(ImageBlamed(image=blamed))
        raise
    run.note(GatePassed(fleet=new, servers=servers))
    if spec.has_later_commands:
        tests.end()
    if found.second:
        _hand_over(run, turn, new, order, found, hooked)
        new, servers = _keep_pace(turn, new, servers, order, policy, before)
    turn.check()
    new = promote_fleet(new, found, before)
    run.note(FleetPromoted(fleet=new))
    undo.keep()
    if found.second:
        with not_urgent("end the hand-over", "reconcile does it"):
            end_hand_over(found, run.id)
    hooked.at(Moment.AFTER_PROMOTION)
    with run.timed("retire"):
        mark_released(found, new)
        run.note(CostReckoned(cost=price(found.region, servers)))
        turn.check()
        run.note(FleetsRetired(fleets=tuple(retire_fleets(found, new))))
        with not_urgent("prune versions"):
            prune_versions(found, spec)
    run.note(Ended(outcome=Outcome.RELEASED))


def _after_rollback(hooked: Hooked, tests: Tests) -> None:
    """Its machine has the same way in as that of the tests."""
    tests.end()
    hooked.at(Moment.AFTER_ROLLBACK)


def _pass_gate(
    run: ReleaseRun,
    turn: Heartbeat,
    new: Fleet,
    order: Order,
    policy: GatePolicy,
    tests: Tests,
    beside: Watched | None,
    before: list[Fleet],
) -> tuple[Fleet, tuple[Server, ...]]:
    """The fleet that passed the gate, and its servers, once the image has passed its tests too."""
    with run.timed("gate"):
        new, servers = prove(new, order, policy, turn.check, tests.check, beside, tests.under_way)
    again = tests.wait()
    with run.timed("gate again") if again else nullcontext():
        if again and not still_healthy(new, order.infra):
            new, servers = prove(new, order, policy, turn.check)
        new, servers = _keep_pace(turn, new, servers, order, policy, before)
    return new, servers


def _keep_pace(
    turn: Heartbeat,
    new: Fleet,
    servers: tuple[Server, ...],
    order: Order,
    policy: GatePolicy,
    before: list[Fleet],
) -> tuple[Fleet, tuple[Server, ...]]:
    """Somebody may have scaled what serves out meanwhile: as many as it has then."""
    turn.check()
    while (larger := grow(order.infra, order.asked, new, before)).capacity > new.capacity:
        new, servers = prove(larger, order, policy, turn.check)
    return new, servers


def _trial(run: ReleaseRun, order: Order, hooked: Hooked) -> Callable[[int], None] | None:
    """What is called in each step or batch, with its percent; None if nothing is."""
    traffic = run.spec.traffic
    if not (traffic.check or run.spec.hooks.after_step.asked):
        return None
    trial = trial_of(run.spec, order.infra, order.image, run.id, tags(run.book), run.folder)

    def try_out(percent: int) -> None:
        hooked.at(Moment.AFTER_STEP, percent)
        if traffic.check:
            check_step(trial, order.infra, traffic.check, traffic.check_seconds)

    return try_out


def _hand_over(
    run: ReleaseRun, turn: Heartbeat, new: Fleet, order: Order, found: Infra, hooked: Hooked
) -> None:
    """Between two target groups: first the smoke test, if there is one, then step by step."""
    traffic = run.spec.traffic
    if traffic.smoke:
        turn.check()
        trial = trial_of(run.spec, order.infra, order.image, run.id, tags(run.book), run.folder)
        with run.timed("smoke test"):
            smoke_test(trial, order.infra, traffic.smoke)
    with run.timed("traffic"):
        steps = shift_traffic(new, found, traffic, turn.check, _trial(run, order, hooked))
    run.note(HandedOver(steps=tuple(steps)))
