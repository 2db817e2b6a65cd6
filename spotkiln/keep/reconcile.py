"""What to do about what nobody owns: a pure function from facts to actions.

Something is owned if it carries the tag of a release that lives, if a fleet that serves uses it, if
it is a version that is kept, or if it is a promoted base image, or a layer that later bakes may
start from. Whatever else is ours
(`spotkiln.bake.own`) is finished (retiring fleets) or undone (pending fleets, candidates,
builders). What is not ours is never touched. The bake of a nightly run counts as a release here: it
has an id, and lives as long as it renews its lease.
"""

from spotkiln import tags as t
from spotkiln.bake.image import Image, ImageState
from spotkiln.bake.layer import unneeded
from spotkiln.bake.twin import with_twins
from spotkiln.keep.action import Action, Verb
from spotkiln.keep.facts import Facts
from spotkiln.keep.preview import outlived, why_gone
from spotkiln.keep.promotion import unrecorded
from spotkiln.keep.scope import concerns
from spotkiln.serve.fleet import Fleet, Phase
from spotkiln.serve.serving import newest_serving, outdone

RETIRED = ImageState.RETIRED


def decide(facts: Facts, target_group: str = "") -> list[Action]:
    """What to do, in the order in which to do it: servers first, then what they were made of.

    With `target_group` (its name) only what concerns it. All facts are needed even so: what serves
    elsewhere keeps what it uses.
    """
    actions = [
        *_takedowns(facts),
        *_weights(facts),
        *_promoted(facts),
        *_fleets(facts),
        *_scaling(facts),
        *_orphans(facts),
        *_builders(facts),
        *_parts(facts),
        *_helpers(facts),
        *_images(facts),
        *_snapshots(facts),
        *_previews(facts),
    ]
    if not target_group:
        return actions
    wanted = concerns(target_group, facts)
    return [action for action in actions if wanted(action)]


def _takedowns(facts: Facts) -> list[Action]:
    return [
        Action(
            verb=Verb.TAKE_DOWN,
            ids=(one.takedown.release,),
            why=f"{one.takedown.app} leaves {one.group_name}, and run {one.takedown.run} has ended",
            target_group=one.target_group,
        )
        for one in facts.takedowns
        if one.takedown.release not in facts.living
    ]


def _weights(facts: Facts) -> list[Action]:
    """Before the servers of the release are taken away. They may be gone already."""
    return [
        Action(
            verb=Verb.SETTLE_WEIGHTS,
            ids=(one.release,),
            why=f"it has ended while it handed requests over; before it they were {one.before}",
            target_group=one.target_group,
        )
        for one in sorted(facts.hand_overs, key=lambda x: x.target_group)
        if one.release not in facts.living
    ]


def _promoted(facts: Facts) -> list[Action]:
    """A release was killed after it had promoted its fleet, before it could write that on the
    image."""
    groups = sorted({name for fleet in facts.fleets for name in fleet.group_names})
    return [
        Action(
            verb=Verb.MARK_RELEASED,
            ids=(fleet.id,),
            why=f"{fleet.image} does not say that it serves {group}",
        )
        for group in groups
        for fleet in sorted(unrecorded(facts.images, facts.fleets, group), key=lambda x: x.id)
        if fleet.release not in facts.living
    ]


def doomed_fleets(facts: Facts) -> dict[str, tuple[Fleet, str]]:
    """Fleets to retire, by id, and why. A fleet that was promoted goes only if a newer one serves
    in its place: a retirement that was begun is not finished at the price of what serves."""
    doomed = {}
    for fleet in facts.fleets:
        if fleet.gone or fleet.phase is None or fleet.release in facts.living:
            continue
        if fleet.phase is Phase.PENDING:
            doomed[fleet.id] = (fleet, f"pending, and {fleet.release} has ended")
        elif outdone(fleet, facts.fleets) and not _being_retired(facts, fleet):
            why = "a newer fleet serves in its place"
            if fleet.phase is Phase.RETIRING:
                why = "its retirement was not finished"
            doomed[fleet.id] = (fleet, why)
    return doomed


def _being_retired(facts: Facts, fleet: Fleet) -> bool:
    """Whether a release is at it: the one whose fleet serves in its place, if it lives."""
    serving = newest_serving(facts.fleets)
    return any(
        group in serving and serving[group].release in facts.living for group in fleet.target_groups
    )


def _fleets(facts: Facts) -> list[Action]:
    return [
        Action(verb=Verb.RETIRE_FLEETS, ids=(name,), why=why, target_group=fleet.target_groups[0])
        for name, (fleet, why) in sorted(doomed_fleets(facts).items())
        if fleet.target_groups
    ]


def _scaling(facts: Facts) -> list[Action]:
    """What serves scales as it should once the release that suspended that has ended: it took over,
    or what it was to replace goes on."""
    serve = {fleet.id: fleet for fleet in newest_serving(facts.fleets).values()}
    return [
        Action(
            verb=Verb.RESUME_SCALING,
            ids=(name,),
            why=f"{fleet.suspension.release} suspended it, and has ended",
            release=fleet.suspension.release,
        )
        for name, fleet in sorted(serve.items())
        if fleet.suspension and fleet.suspension.release not in facts.living
    ]


def _orphans(facts: Facts) -> list[Action]:
    """Instances that outlived their fleet: they were launched while it was being cancelled."""
    fleets = {fleet.id: fleet for fleet in facts.fleets}
    actions = []
    for one in sorted(facts.instances, key=lambda x: x.id):
        fleet = fleets.get(one.fleet)
        # Somebody cancelled a fleet that serves: its servers are not ours to take away.
        if not one.fleet or not one.live or fleet is None or not fleet.gone:
            continue
        if fleet.phase is Phase.SERVING or fleet.release in facts.living:
            continue
        actions.append(
            Action(
                verb=Verb.DRAIN_INSTANCES,
                ids=(one.id,),
                why=f"its fleet {fleet.id} is {fleet.status}",
                target_group=fleet.group,
                also=fleet.also,
            )
        )
    return actions


def _builders(facts: Facts) -> list[Action]:
    return [
        Action(
            verb=Verb.TERMINATE_BUILDERS,
            ids=(one.id,),
            why=f"a builder of {one.tags.get(t.RELEASE, '')}, which has ended",
            tried=one.tags.get(t.PUT_OFF, ""),
        )
        for one in sorted(facts.instances, key=lambda x: x.id)
        if not one.fleet and one.stays and one.tags.get(t.RELEASE, "") not in facts.living
    ]


def _parts(facts: Facts) -> list[Action]:
    used = {name for fleet in facts.fleets if not fleet.gone for name in fleet.parts}
    return [
        Action(
            verb=Verb.DELETE_PART,
            ids=(one.id,),
            why=f"no fleet uses this {one.kind}",
            kind=one.kind,
            tried=one.tried,
        )
        for one in sorted(facts.parts, key=lambda x: x.id)
        if one.id not in used and one.release not in facts.living
    ]


def _helpers(facts: Facts) -> list[Action]:
    """Key pairs and security groups of builders."""
    kinds = (
        (Verb.DELETE_KEY_PAIR, facts.key_pairs),
        (Verb.DELETE_SECURITY_GROUP, facts.security_groups),
    )
    return [
        Action(verb=verb, ids=(one.id,), why=f"{one.release} has ended", tried=one.tried)
        for verb, owned in kinds
        for one in sorted(owned, key=lambda x: x.id)
        if one.release not in facts.living
    ]


def _images(facts: Facts) -> list[Action]:
    # An image that has served is a version, even if nobody could write that on it in time.
    used = {one for fleet in facts.fleets if not fleet.gone for one in fleet.images}
    has_served = {one for fleet in facts.fleets if fleet.has_served for one in fleet.images}
    layers = unneeded(facts.images, {one.rpartition("-")[0] for one in facts.living})
    actions = []
    for image in sorted(with_twins(facts.images), key=lambda x: x.id):
        if image.state is ImageState.LAYER and image not in layers:
            continue
        if image.release in facts.living or image.kept or image.among(used):
            continue
        late = outlived(image, facts.now)
        if image.among(has_served) and image.state is not RETIRED and not late:
            continue
        # A version is only ever pruned: no verdict takes it away.
        goes = image.state is RETIRED or late
        if image.state is ImageState.BASE or (image.released and not goes):
            continue
        why = _why_discarded(image, late=late)
        tried = image.tags.get(t.PUT_OFF, "")
        actions.append(Action(verb=Verb.DISCARD_IMAGE, ids=(image.id,), why=why, tried=tried))
    return actions


def _why_discarded(image: Image, *, late: bool) -> str:
    if image.state is RETIRED:
        return "its application was taken down"
    if late:
        return "its preview has gone, and nothing else served with it"
    if image.state is ImageState.REJECTED:
        return "rejected"
    if image.state is ImageState.LAYER:
        return "a newer layer is there, and no image that was baked from this one"
    return f"never released, and {image.release} has ended"


def _previews(facts: Facts) -> list[Action]:
    found = ((one, why_gone(one, facts.fleets, facts.living, facts.now)) for one in facts.previews)
    return [
        Action(verb=Verb.REMOVE_PREVIEW, ids=(one.name,), why=why, target_group=one.arn)
        for one, why in found
        if why
    ]


def _snapshots(facts: Facts) -> list[Action]:
    images = {image.id for image in facts.images}
    held = {snapshot for image in facts.images for snapshot in image.snapshots}
    return [
        Action(verb=Verb.DELETE_SNAPSHOT, ids=(one.id,), why="its image is gone", tried=one.tried)
        for one in sorted(facts.snapshots, key=lambda x: x.id)
        if one.id not in held and one.image not in images and one.release not in facts.living
    ]
