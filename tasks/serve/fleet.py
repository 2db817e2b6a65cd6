"""Request, watch over, promote, cancel and retire fleets."""

import logging

from prefect import task

from spotkiln import tags as t
from spotkiln.aws.serve import fleet as fleets
from spotkiln.aws.serve import instance as instances
from spotkiln.aws.serve import target as targets
from spotkiln.aws.serve.foreign import adopt, look
from spotkiln.aws.serve.gate import with_health
from spotkiln.aws.serve.retire import retire
from spotkiln.aws.session import Aws, connect
from spotkiln.bake.image import Image
from spotkiln.bake.infra import Infra
from spotkiln.bake.recipe import digest_of
from spotkiln.errors import DeadlineExceeded, InfrastructureError, SpotkilnError
from spotkiln.poll import Done, Waiting, poll
from spotkiln.release.ledger import FLEET, REQUESTED, TEMPLATE
from spotkiln.serve.capacity import Size, size
from spotkiln.serve.fleet import (
    Fleet,
    FleetSpec,
    Phase,
    fleet_tags,
    launch_template_request,
    made_alike,
    spot_fleet_request,
    template_name,
)
from spotkiln.serve.serving import (
    may_not_retire,
    promoted_meanwhile,
    promotion_time,
    retirees,
    serving,
)
from spotkiln.target import Health
from spotkiln.tasks.step import CLOCK, STEP, say

# Longer than this nobody waits to hear that nothing is to be done.
RECOVERY_SECONDS = 60


def _to_adopt(aws: Aws, infra: Infra) -> list[Fleet]:
    """Fleets that are not ours, and that a person said are to be retired."""
    return look(aws, infra.target_group).adoptable if infra.adopt else []


@task(name="find serving fleets", task_run_name="1 look up: what serves", **STEP)
def find_serving(infra: Infra) -> list[Fleet]:
    """Our fleets that serve the target group, newest first."""
    return serving(fleets.listing(connect(infra.region)), infra.target_group.arn)


@task(name="compare with what serves", task_run_name="1 look up: compare with what serves", **STEP)
def is_unchanged(infra: Infra, spec: FleetSpec, image: Image, current: Fleet) -> bool:
    """Whether this image already serves with these settings, its whole capacity healthy, also
    what it was scaled to: now, or as soon as the load balancer can find one healthy again that it
    has just missed. Not while there is a fleet to adopt."""
    wanted = size(spec, [current]).spec.capacity
    if not made_alike(current, spec, image, infra) or current.capacity != wanted:
        return False
    aws = connect(infra.region)
    if _to_adopt(aws, infra):
        return False

    def whole() -> Done[bool] | Waiting:
        live = [one for one in instances.of_fleet(aws, current.id) if one.live]
        health = with_health(live, targets.health(aws, infra.target_group.arn))
        good = sum(one.health is Health.HEALTHY for one in health)
        return Done(True) if good >= wanted else Waiting(f"{good} healthy")

    check = infra.target_group.health_check
    try:
        return poll(
            whole,
            what=f"{current.id} to be healthy",
            deadline_seconds=min(check.healthy_threshold * check.interval + 5, RECOVERY_SECONDS),
            clock=CLOCK,
        )
    except DeadlineExceeded as error:
        say(f"{current.id} serves this image already, but not whole: {error}")
        return False


def sized(infra: Infra, spec: FleetSpec) -> Size:
    """How many would be asked for now."""
    aws = connect(infra.region)
    current = serving(fleets.listing(aws), infra.target_group.arn)
    return size(spec, [*current[:1], *_to_adopt(aws, infra)])


@task(name="choose the capacity", task_run_name="4 launch: choose the capacity", **STEP)
def choose_size(infra: Infra, spec: FleetSpec) -> Size:
    """How many to ask for: looked up when it is asked, for what serves may be scaled meanwhile."""
    chosen = sized(infra, spec)
    if chosen.why:
        say(chosen.in_words)
    return chosen


@task(name="request fleet", task_run_name="4 launch: request fleet", **STEP)
def request_fleet(
    wanted: FleetSpec, asked: FleetSpec, image: Image, infra: Infra, tags: dict[str, str]
) -> Fleet:
    """Ask for the fleet, pending until the gate has passed. Repeated, it is the same fleet; for
    anything else `wanted` it is another. It counts as what was `asked` for."""
    aws = connect(infra.region)
    marks = fleet_tags(tags, image, infra, asked)
    name = template_name(tags[t.RELEASE], digest_of(wanted.model_dump(mode="json")))
    # What a fleet holds may be lifted later: that is told in one place only.
    shared = {key: value for key, value in tags.items() if key != t.HELD}
    template = fleets.create_template(
        aws, launch_template_request(name, image, infra, wanted, shared)
    )
    REQUESTED.note(tags[t.RELEASE], TEMPLATE, template)
    fleet_id = fleets.request(aws, spot_fleet_request(wanted, infra, template, marks))
    REQUESTED.note(tags[t.RELEASE], FLEET, fleet_id)
    say(f"requested {fleet_id}: {wanted.in_words}")
    return Fleet(
        id=fleet_id,
        state="submitted",
        capacity=wanted.capacity,
        target_groups=(infra.target_group.arn,),
        launch_templates=(template,),
        tags=marks,
    )


@task(name="see what was launched", task_run_name="4 launch: see what was launched", **STEP)
def count_live(infra: Infra, fleet: Fleet) -> int:
    """How many instances a fleet has now."""
    return sum(one.live for one in instances.of_fleet(connect(infra.region), fleet.id))


def _may_be_promoted(fleet: Fleet, infra: Infra, before: list[Fleet], every: list[Fleet]) -> None:
    found = next((one for one in every if one.id == fleet.id), None)
    if found and not found.live:
        raise InfrastructureError(
            f"{fleet.id} passed the gate, but is {found.state} now; was it cancelled by somebody?"
        )
    others = promoted_meanwhile(every, infra.target_group.arn, fleet, before)
    if others:
        raise InfrastructureError(
            f"{fleet.id} passed the gate, but {others[0].id} of {others[0].release} was promoted "
            "meanwhile: the turn was another's"
        )


@task(name="promote fleet", task_run_name="4 launch: promote fleet", **STEP)
def promote_fleet(fleet: Fleet, infra: Infra, before: list[Fleet]) -> Fleet:
    """It has proved itself: from now on it is what serves, in place of what did `before`.

    Looks before and after: between its last look and its write this worker may have slept.

    Raises:
        InfrastructureError: it was cancelled, or another one promoted, meanwhile; it is pending
            again. What served goes on serving.
    """
    aws, arn = connect(infra.region), infra.target_group.arn
    every = fleets.listing(aws)
    _may_be_promoted(fleet, infra, before, every)
    moment = promotion_time(aws.now(), (one for one in every if one.id != fleet.id), arn)
    marks = fleets.promote(aws, fleet.id, moment)
    try:
        _may_be_promoted(fleet, infra, before, fleets.listing(aws))
    except InfrastructureError:
        fleets.set_phase(aws, fleet.id, Phase.PENDING)
        raise
    return fleet.model_copy(update={"state": "active", "tags": {**fleet.tags, **marks}})


def cancel_fleet(infra: Infra, release: str) -> list[str]:
    """Undo a request at whatever point it was. What serves is compared with what served before
    the first try: a try that fails after a loss is not hidden by the next one.

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
    """Without loss, for some of its instances may serve already; then compare what serves with
    `before`, if that is known."""
    aws = connect(infra.region)
    # One that has been promoted serves: what comes after that does not undo it.
    made = fleets.of_release(aws, release)
    ours = [one for one in made if one.phase is not Phase.SERVING]
    used = {name for one in made if one not in ours for name in one.launch_templates}
    gone = retire(
        aws,
        [one for one in ours if not one.gone],
        target_group=infra.target_group.arn,
        delay=infra.target_group.deregistration_delay,
        clock=CLOCK,
        say=say,
    )
    for template in set(fleets.templates_of_release(aws, release)) - used:
        fleets.delete_template(aws, template)
    after = [one.id for one in serving(fleets.listing(aws), infra.target_group.arn)]
    if before is not None and after != before:
        raise InfrastructureError(
            f"what serves changed while {release} was undone: before {before}, now {after}"
        )
    if ours:
        say(f"undone: {', '.join(one.id for one in ours)} with {len(gone)} instances")
    return [*(fleet.id for fleet in ours), *(one.id for one in gone)]


@task(name="retire fleets", task_run_name="5 retire: old fleets", **STEP)
def retire_fleets(infra: Infra, new: Fleet) -> list[Fleet]:
    """Take away, without loss, all that the new fleet replaces; verified to the end.

    Raises:
        InfrastructureError: it is not the newest that serves; nothing is taken away.
    """
    aws, every = connect(infra.region), fleets.listing(connect(infra.region))
    if why := may_not_retire(every, infra.target_group.arn, new):
        raise InfrastructureError(f"nothing is retired for {new.id}: {why}")
    old = retirees(every, infra.target_group.arn, new)
    for fleet in old:
        fleets.set_phase(aws, fleet.id, Phase.RETIRING)
    for fleet in _to_adopt(aws, infra):
        adopt(aws, fleet.id, new.release, infra.target_group.name)
        old.append(fleet.model_copy(update={"tags": {**fleet.tags, t.ADOPTED: new.release}}))
    gone = retire(
        aws,
        old,
        target_group=infra.target_group.arn,
        delay=infra.target_group.deregistration_delay,
        clock=CLOCK,
        say=say,
    )
    if old:
        say(f"retired {', '.join(one.id for one in old)} with {len(gone)} instances")
    return old
