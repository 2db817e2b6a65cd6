"""Find what nobody owns and finish or undo it."""

import logging
from collections.abc import Callable

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from spotkiln.aws.bake import image as images
from spotkiln.aws.bake import infra as aws_infra
from spotkiln.aws.bake.builder import delete_group, delete_key_pair
from spotkiln.aws.bake.discard import discard, put_off
from spotkiln.aws.keep import lease as leases
from spotkiln.aws.keep.facts import gather
from spotkiln.aws.keep.promotion import write_down
from spotkiln.aws.serve import fleet as fleets
from spotkiln.aws.serve import instance as instances
from spotkiln.aws.serve.retire import drain, retire
from spotkiln.aws.session import Aws, connect
from spotkiln.bake.image import ImageState
from spotkiln.errors import InfrastructureError, SpotkilnError
from spotkiln.keep.housekeeping import NOT_PUT_OFF, Delayed, Reconciled, reconcile_page
from spotkiln.keep.lease import queue
from spotkiln.keep.reconcile import Action, Do, decide, within
from spotkiln.prefect_api import artifact
from spotkiln.prefect_api.connection import ask
from spotkiln.prefect_api.run import ended_runs
from spotkiln.serve.fleet import Phase
from spotkiln.serve.serving import still_doomed
from spotkiln.tasks.step import CLOCK, STEP, say

DEFAULT_DELAY = 300
# Fleets, then what they were made of, then to see that it is done; one to spare.
ROUNDS = 4


def _alive(aws: Aws, groups: list[str], *, clean: bool) -> frozenset[str]:
    """The releases that hold or wait for a target group, and the bakes for none, that renew their
    lease; leases of dead ones are removed from target groups if `clean`."""
    baking, held = leases.of_builders(aws), leases.by_group(aws, groups)
    ended = ended_runs(one.run for found in (baking, *held.values()) for one in found)
    living = {one.release for one in queue(baking, aws.now(), ended)}
    for group, found in held.items():
        alive = queue(found, aws.now(), ended)
        living |= {one.release for one in alive}
        if clean:
            leases.remove(aws, group, [one for one in found if one not in alive])
    return frozenset(living)


def living(aws: Aws) -> frozenset[str]:
    """All releases that live now, and all bakes of base images."""
    return _alive(aws, aws_infra.target_group_arns(aws), clean=False)


@task(name="find what nobody owns", task_run_name="1 look up: what nobody owns", **STEP)
def find_unowned(region: str, target_group: str = "", *, clean: bool = True) -> Reconciled:
    """What there is to do, in order, what is put off, and what only looks like ours;
    `target_group` (its name) narrows it to that one's."""
    aws = connect(region)
    groups = aws_infra.target_group_arns(aws)
    facts = gather(aws, _alive(aws, groups, clean=clean))
    if target_group:
        facts = within(facts, target_group)
    actions = decide(facts)
    if actions:
        # Who began to live during the look may have made what was seen. More of the living never
        # means more to do, so where there was nothing it need not be asked.
        living = facts.living | _alive(aws, groups, clean=False)
        actions = decide(facts.model_copy(update={"living": living}))
    found = Reconciled.of(actions, facts.left_alone, aws.now())
    for action in found.todo:
        say(f"to do: {action}")
    if found.put_off:
        say(f"put off, not tried again yet: {'; '.join(map(str, found.put_off))}")
    if found.left_alone:
        say(f"left alone, only their tags look like ours: {'; '.join(map(str, found.left_alone))}")
    return found


def _delay(aws: Aws, arn: str) -> int:
    found = [one for one in aws_infra.target_groups(aws) if one.arn == arn]
    return found[0].deregistration_delay if found else DEFAULT_DELAY


def _retire(aws: Aws, action: Action) -> None:
    """Look again first: a fleet that was promoted meanwhile is not to be touched, unless something
    newer serves."""
    doomed = still_doomed(fleets.listing(aws), action.ids)
    for fleet in doomed:
        if fleet.phase is Phase.SERVING:
            fleets.set_phase(aws, fleet.id, Phase.RETIRING)
    if spared := sorted({*action.ids} - {fleet.id for fleet in doomed}):
        say(f"left alone at a second look, gone or serving now: {', '.join(spared)}")
    retire(
        aws,
        doomed,
        target_group=action.target_group,
        delay=_delay(aws, action.target_group),
        clock=CLOCK,
        say=say,
    )


def _drain(aws: Aws, action: Action) -> None:
    if action.target_group:
        delay = _delay(aws, action.target_group)
        drain(aws, action.target_group, set(action.ids), delay, CLOCK, say)
    instances.terminate(aws, action.ids)


def _each(step: Callable[[Aws, str], object]) -> Callable[[Aws, Action], None]:
    def run(aws: Aws, action: Action) -> None:
        for name in action.ids:
            step(aws, name)

    return run


def _discard(aws: Aws, name: str) -> None:
    """Look again first, here too: it may have been promoted meanwhile, as a base or to serve, or
    somebody wants to keep it."""
    image = images.describe(aws, name)
    if image and image.state is not ImageState.BASE and not (image.released or image.kept):
        discard(aws, image, CLOCK, say)


def _delete_snapshot(aws: Aws, name: str) -> None:
    if not images.delete_snapshot(aws, name):
        raise InfrastructureError(f"an image still uses snapshot {name}")


def _mark_released(aws: Aws, name: str) -> None:
    fleet = fleets.describe(aws, name)
    for group in sorted(fleet.group_names) if fleet else ():
        write_down(aws, group)


HOW: dict[Do, Callable[[Aws, Action], None]] = {
    Do.MARK_RELEASED: _each(_mark_released),
    Do.RETIRE_FLEETS: _retire,
    Do.DRAIN_INSTANCES: _drain,
    Do.TERMINATE_BUILDERS: lambda aws, action: instances.terminate(aws, action.ids),
    Do.DELETE_TEMPLATE: _each(fleets.delete_template),
    Do.DELETE_KEY_PAIR: _each(delete_key_pair),
    Do.DELETE_SECURITY_GROUP: _each(lambda aws, name: delete_group(aws, name, CLOCK)),
    Do.DISCARD_IMAGE: _each(_discard),
    Do.DELETE_SNAPSHOT: _each(_delete_snapshot),
}


@task(name="carry out", task_run_name="{action.do}", **STEP)
def carry_out(region: str, action: Action) -> None:
    """One action. All of them can be repeated, and done by two at once."""
    HOW[action.do](connect(region), action)
    say(f"done: {action}")


# What can be put off is not tried again at once: a person may wait for the release behind it.
tidy_up = carry_out.with_options(retries=0)


def _put_off(region: str, action: Action, error: SpotkilnError) -> Delayed:
    """Told loudly the first time alone."""
    delayed = Delayed(
        action=action, put_off=put_off(connect(region), action.ids, action.tried, error)
    )
    level = logging.INFO if action.tried else logging.WARNING
    say(f"put off: {delayed}; it is tried again later, and stops nothing", level)
    return delayed


def settle(region: str, target_group: str = "") -> Reconciled:
    """Find and carry out, one after the other, until nothing is left to do: what a fleet was
    made of can go only once it has gone. An action that fails does not stop the others; what
    does not concern what serves is put off then.

    Raises:
        InfrastructureError: something that concerns what serves failed, with what each said.
    """
    done: list[Action] = []
    failed: dict[Action, str] = {}
    waits: dict[tuple[Do, tuple[str, ...]], Delayed] = {}
    found = Reconciled()
    for _ in range(ROUNDS):
        found = find_unowned(region, target_group)
        tried = {*map(_what, done), *map(_what, failed), *waits}
        todo = [one for one in found.todo if _what(one) not in tried]
        for action in todo:
            serves = action.do in NOT_PUT_OFF
            try:
                (carry_out if serves else tidy_up)(region, action)
            except SpotkilnError as error:
                if serves:
                    failed[action] = str(error)
                else:
                    waits[_what(action)] = _put_off(region, action, error)
            else:
                done.append(action)
        if not todo or failed:
            break
    if failed:
        told = "; ".join(f"{action}: {text}" for action, text in failed.items())
        raise InfrastructureError(f"not everything could be settled: {told}")
    waits = {_what(one.action): one for one in found.put_off} | waits
    return Reconciled(done=tuple(done), put_off=tuple(waits.values()), left_alone=found.left_alone)


def _what(action: Action) -> tuple[Do, tuple[str, ...]]:
    """The same thing, whatever is said of it meanwhile."""
    return action.do, action.ids


@task(name="publish what was reconciled", cache_policy=NO_CACHE, retries=2, retry_delay_seconds=1)
def publish(region: str, found: Reconciled) -> None:
    """As an artifact, when there is anything new to tell: what nobody can clear away, or only
    looks like ours, is there every ten minutes."""
    key, page = f"reconcile-{region}", reconcile_page(found)
    last = ask(artifact.latest, key)
    if page != (last or reconcile_page(Reconciled())):
        create_markdown_artifact(key=key, markdown=page, description=f"Reconcile of {region}")
