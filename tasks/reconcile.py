"""Find what nobody owns and finish or undo it."""

from collections.abc import Callable

from prefect import task

from spotkiln import tags as t
from spotkiln.aws import fleet as fleets
from spotkiln.aws import image as images
from spotkiln.aws import infra as aws_infra
from spotkiln.aws import instance as instances
from spotkiln.aws import lease as leases
from spotkiln.aws.builder import delete_group, delete_key_pair
from spotkiln.aws.discard import discard
from spotkiln.aws.facts import gather
from spotkiln.aws.retire import drain, retire
from spotkiln.aws.session import Aws, connect
from spotkiln.errors import InfrastructureError, SpotkilnError
from spotkiln.fleet import Phase
from spotkiln.image import ImageState
from spotkiln.lease import queue
from spotkiln.reconcile import Action, Do, decide, within
from spotkiln.serving import still_doomed
from tasks.runs import ended_runs
from tasks.step import CLOCK, STEP, say

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
def find_unowned(region: str, target_group: str = "", *, clean: bool = True) -> list[Action]:
    """What there is to do, in order; `target_group` (its name) narrows it to that one's."""
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
    for action in actions:
        say(f"to do: {action}")
    return actions


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
    """Look again first, here too: a base image may have been promoted meanwhile."""
    image = images.describe(aws, name)
    if image and image.state is not ImageState.BASE:
        discard(aws, image, CLOCK, say)


def _mark_released(aws: Aws, name: str) -> None:
    images.tag(aws, [name], {t.RELEASED: aws.now().isoformat(timespec="seconds")})


HOW: dict[Do, Callable[[Aws, Action], None]] = {
    Do.MARK_RELEASED: _each(_mark_released),
    Do.RETIRE_FLEETS: _retire,
    Do.DRAIN_INSTANCES: _drain,
    Do.TERMINATE_BUILDERS: lambda aws, action: instances.terminate(aws, action.ids),
    Do.DELETE_TEMPLATE: _each(fleets.delete_template),
    Do.DELETE_KEY_PAIR: _each(delete_key_pair),
    Do.DELETE_SECURITY_GROUP: _each(lambda aws, name: delete_group(aws, name, CLOCK)),
    Do.DISCARD_IMAGE: _each(_discard),
    Do.DELETE_SNAPSHOT: _each(images.delete_snapshot),
}


@task(name="carry out", task_run_name="{action.do}", **STEP)
def carry_out(region: str, action: Action) -> None:
    """One action. All of them can be repeated, and done by two at once."""
    HOW[action.do](connect(region), action)
    say(f"done: {action}")


def settle(region: str, target_group: str = "") -> list[Action]:
    """Find and carry out, one after the other, until nothing is left to do: what a fleet was
    made of can go only once it has gone. An action that fails does not stop the others.

    Raises:
        InfrastructureError: some failed, with what each said.
    """
    done: list[Action] = []
    failed: list[str] = []
    for _ in range(ROUNDS):
        todo = [one for one in find_unowned(region, target_group) if one not in done]
        for action in todo:
            try:
                carry_out(region, action)
            except SpotkilnError as error:
                failed.append(f"{action}: {error}")
            else:
                done.append(action)
        if not todo or failed:
            break
    if failed:
        raise InfrastructureError("not everything could be settled: " + "; ".join(failed))
    return done
