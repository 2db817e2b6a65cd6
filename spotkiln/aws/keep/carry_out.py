"""Carries out what reconcile has decided. All of it can be repeated, and done by two at once."""

import logging
from collections.abc import Callable, Mapping

from spotkiln.aws.bake import image as images
from spotkiln.aws.bake.builder import delete_group, delete_key_pair
from spotkiln.aws.bake.discard import discard, end_builders, put_off
from spotkiln.aws.keep import preview as previews
from spotkiln.aws.keep.promotion import write_down
from spotkiln.aws.serve import instance as instances
from spotkiln.aws.serve.hand_over import give_back
from spotkiln.aws.serve.launchers import launchers
from spotkiln.aws.serve.retire import drain, retire
from spotkiln.aws.serve.target import USUAL_DELAY, delays
from spotkiln.aws.session import Aws
from spotkiln.bake.image import Image, ImageState
from spotkiln.errors import InfrastructureError, SpotkilnError
from spotkiln.keep.action import Action, Verb
from spotkiln.keep.heartbeat import Say
from spotkiln.keep.housekeeping import Delayed
from spotkiln.keep.preview import outlived
from spotkiln.poll import Clock
from spotkiln.serve.fleet import Phase
from spotkiln.serve.serving import still_doomed, suspended_by

Tell = Callable[[str], None]
Step = Callable[[Aws, Action, Clock, Tell], object]


def _delay(aws: Aws, arn: str) -> int:
    return delays(aws, [arn]).get(arn, USUAL_DELAY)


def _retire(aws: Aws, action: Action, clock: Clock, say: Tell) -> None:
    """Looks again first: a fleet that was promoted meanwhile is not to be touched, unless something
    newer serves."""
    doomed = still_doomed(launchers(aws).listing(), action.ids)
    for fleet in doomed:
        if fleet.phase is Phase.SERVING:
            launchers(aws).set_phase(fleet, Phase.RETIRING)
    if spared := sorted({*action.ids} - {fleet.id for fleet in doomed}):
        say(f"left alone at a second look, gone or serving now: {', '.join(spared)}")
    retire(
        aws,
        doomed,
        target_group=action.target_group,
        delay=_delay(aws, action.target_group),
        clock=clock,
        say=say,
    )


def _give_back(aws: Aws, action: Action, clock: Clock, say: Tell) -> None:  # noqa: ARG001
    for release in action.ids:
        if give_back(aws, action.target_group, release):
            say(f"all requests go where they went before {release}")


def _drain(aws: Aws, action: Action, clock: Clock, say: Tell) -> None:
    if action.target_group:
        groups = {action.target_group: _delay(aws, action.target_group)}
        drain(aws, {**groups, **delays(aws, action.also)}, set(action.ids), clock, say)
    instances.terminate(aws, action.ids)


def _resume_scaling(aws: Aws, action: Action, clock: Clock, say: Tell) -> None:  # noqa: ARG001
    """Looks again first: another release may have suspended it meanwhile, or has replaced it."""
    found = [launchers(aws).find(name) for name in action.ids]
    there = suspended_by(action.release, [one for one in found if one])
    launchers(aws).resume_scaling(there)


def _serves(aws: Aws, image: Image) -> bool:
    """Whether it may be gone back to."""
    goes = image.state is ImageState.RETIRED or outlived(image, aws.now())
    return image.released and not goes


def _discard(aws: Aws, action: Action, clock: Clock, say: Tell) -> None:
    """Looks again first, here too: an image may have been promoted meanwhile, as a base or to
    serve, or somebody wants to keep it."""
    for name in action.ids:
        image = images.describe(aws, name)
        if image and image.state is not ImageState.BASE and not (_serves(aws, image) or image.kept):
            discard(aws, images.with_its_twin(aws, image), clock, say)


def _delete_snapshot(aws: Aws, name: str) -> None:
    if not images.delete_snapshot(aws, name):
        raise InfrastructureError(f"an image still uses snapshot {name}")


def _mark_released(aws: Aws, name: str) -> None:
    fleet = launchers(aws).find(name)
    for group in sorted(fleet.group_names) if fleet else ():
        write_down(aws, group)


def _for_each(step: Callable[[Aws, str], object]) -> Step:
    def run(aws: Aws, action: Action, clock: Clock, say: Tell) -> None:  # noqa: ARG001
        for name in action.ids:
            step(aws, name)

    return run


def _delete_groups(aws: Aws, action: Action, clock: Clock, say: Tell) -> None:  # noqa: ARG001
    for name in action.ids:
        delete_group(aws, name, clock)


def _delete_parts(aws: Aws, action: Action, clock: Clock, say: Tell) -> None:  # noqa: ARG001
    for name in action.ids:
        launchers(aws).remove_part(action.kind, name)


def _remove_previews(aws: Aws, action: Action, clock: Clock, say: Tell) -> None:
    for name in action.ids:
        previews.remove_unowned(aws, name, clock=clock, say=say)


def _terminate(aws: Aws, action: Action, clock: Clock, say: Tell) -> None:  # noqa: ARG001
    end_builders(aws, instances.by_id(aws, action.ids))


# A server that is unhealthy is replaced by a step of its own (`spotkiln.aws.keep.unhealthy`).
STEPS: Mapping[Verb, Step] = {
    Verb.MARK_RELEASED: _for_each(_mark_released),
    Verb.SETTLE_WEIGHTS: _give_back,
    Verb.RETIRE_FLEETS: _retire,
    Verb.RESUME_SCALING: _resume_scaling,
    Verb.DRAIN_INSTANCES: _drain,
    Verb.TERMINATE_BUILDERS: _terminate,
    Verb.DELETE_PART: _delete_parts,
    Verb.DELETE_KEY_PAIR: _for_each(delete_key_pair),
    Verb.DELETE_SECURITY_GROUP: _delete_groups,
    Verb.DISCARD_IMAGE: _discard,
    Verb.DELETE_SNAPSHOT: _for_each(_delete_snapshot),
    Verb.REMOVE_PREVIEW: _remove_previews,
}


def carry_out(aws: Aws, action: Action, *, clock: Clock, say: Tell) -> None:
    """Do one thing that reconcile has decided."""
    STEPS[action.verb](aws, action, clock, say)
    say(f"done: {action}")


def postpone(aws: Aws, action: Action, error: SpotkilnError, say: Say) -> Delayed:
    """It could not be done: that is remembered on the thing itself, and told loudly only the first
    time."""
    delayed = Delayed(action=action, put_off=put_off(aws, action.ids, action.tried, error))
    level = logging.INFO if action.tried else logging.WARNING
    say(f"put off: {delayed}; it is tried again later, and stops nothing", level)
    return delayed
