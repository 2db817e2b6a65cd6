"""Takes an application from a target group. All of it can be repeated, wherever it was left."""

from collections.abc import Callable, Mapping

from spotkiln import tags as t
from spotkiln.aws.bake import image as images
from spotkiln.aws.bake import layer as layers
from spotkiln.aws.bake.discard import tidy
from spotkiln.aws.errors import aws_errors
from spotkiln.aws.keep.promotion import write_down
from spotkiln.aws.keep.prune import used_images
from spotkiln.aws.serve import target as targets
from spotkiln.aws.serve.group_tags import tags_of
from spotkiln.aws.serve.launchers import launchers
from spotkiln.aws.serve.retire import retire
from spotkiln.aws.session import Aws
from spotkiln.bake.image import ImageState
from spotkiln.bake.infra import TargetGroup
from spotkiln.errors import InputError
from spotkiln.keep.takedown import Begun, Old, Takedown, leaving, let_go, still_open
from spotkiln.poll import Clock
from spotkiln.serve.fleet import Phase
from spotkiln.target import Health

Say = Callable[[str], None]


def begun(tags: Mapping[str, Mapping[str, str]]) -> list[Begun]:
    """Those that stand in tags of target groups, by their ARNs."""
    return [
        Begun(takedown=takedown, target_group=arn)
        for arn, own in tags.items()
        if (takedown := Takedown.from_tag(own.get(t.TAKEDOWN, "")))
    ]


def require_said(aws: Aws, group: TargetGroup, takedown: Takedown, *, last: bool) -> None:
    """
    Raises:
        InputError: its servers are the last ones of the target group, and nobody said that those
            may go; or a fleet of it serves elsewhere, too.
    """
    each = launchers(aws)
    going = leaving(each.listing(), group.arn, takedown)
    ours = {one.id for fleet in going for one in each.members(fleet)}
    if last:
        return
    further = {arn for fleet in going for arn in fleet.also}
    for name, known in targets.healths(aws, [group.arn], sorted(further)).items():
        healthy = {x for x, one in known.items() if one.health is Health.HEALTHY}
        if healthy and healthy <= ours:
            raise InputError(
                f"the last {len(healthy)} servers of target group {name} would go, and nothing "
                "would answer there any more: say that they may (`last_servers`)"
            )


def write(aws: Aws, group: TargetGroup, takedown: Takedown) -> None:
    """From here on it is finished by whoever comes: this run, or reconcile."""
    with aws_errors(f"takedown of {takedown.app}"):
        aws.elbv2.add_tags(
            ResourceArns=[group.arn], Tags=[{"Key": t.TAKEDOWN, "Value": takedown.to_tag()}]
        )


def end_service(
    aws: Aws, group: TargetGroup, takedown: Takedown, *, clock: Clock, say: Say
) -> list[str]:
    """Drain and end what serves; the ids of the instances."""
    each = launchers(aws)
    # What served is a version, even if its release was killed before it could write that down.
    write_down(aws, group.name)
    going = leaving(each.listing(), group.arn, takedown)
    # What is retiring says so already, and what was adopted takes no tag without that of its
    # adoption: rights are by tags.
    for fleet in going:
        if fleet.phase is not Phase.RETIRING:
            each.set_phase(fleet, Phase.RETIRING)
    if going:
        say(f"ending {', '.join(fleet.id for fleet in going)}")
    ended = retire(
        aws,
        going,
        target_group=group.arn,
        delay=group.deregistration_delay,
        clock=clock,
        say=say,
    )
    return [one.id for one in ended]


def end_versions(
    aws: Aws, group: TargetGroup, takedown: Takedown, *, clock: Clock, say: Say
) -> list[str]:
    """Discard the versions, or close them where they are kept; the ids of what has gone. An image
    that cannot be discarded now says that it is retired: reconcile tries again. With an
    application's last image its layers go too."""
    found = images.of_app(aws, takedown.app)
    if takedown.versions is Old.KEEP:
        for name, tag in still_open(found, group.name, takedown.began).items():
            images.tag(aws, [name], {f"{t.SERVED}{group.name}": tag})
        return []
    pruning = let_go(found, group.name, used_images(aws), takedown.began)
    for image in pruning.forget:
        images.untag(aws, image.id, [f"{t.SERVED}{group.name}"])
        say(f"{image.id} is no version of {group.name} any more; others keep it")
    for image in pruning.discard:
        images.tag(aws, [image.id], {t.STATE: ImageState.RETIRED})
    going = [*pruning.discard]
    if {one.id for one in found} <= {one.id for one in going}:
        going += layers.of_app(aws, takedown.app)
    return [one for image in going for one in tidy(aws, image, clock, say)]


def finish(aws: Aws, group: TargetGroup, takedown: Takedown) -> None:
    """Nothing is left: the tag goes, unless it is of another takedown by now."""
    if any(one.takedown.to_tag() == takedown.to_tag() for one in begun(tags_of(aws, [group.arn]))):
        with aws_errors(f"takedown of {takedown.app}"):
            aws.elbv2.remove_tags(ResourceArns=[group.arn], TagKeys=[t.TAKEDOWN])
