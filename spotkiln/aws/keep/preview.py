"""Makes previews and takes them away. All of it can be repeated, wherever it was left."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from botocore.exceptions import ClientError

from spotkiln import tags as t
from spotkiln.aws.bake import image as images
from spotkiln.aws.bake.infra import target_group
from spotkiln.aws.errors import AwsMissing, aws_errors, code_of, is_not_found
from spotkiln.aws.keep import preview_place as place
from spotkiln.aws.keep import takedown as takedowns
from spotkiln.aws.keep.prune import used_images
from spotkiln.aws.serve import rules as aws_rules
from spotkiln.aws.serve.group_tags import tags_of
from spotkiln.aws.serve.launchers import launchers
from spotkiln.aws.session import Aws
from spotkiln.bake.infra import TRAFFIC_PORT, TargetGroup
from spotkiln.bake.served import text_of
from spotkiln.errors import InputError
from spotkiln.keep.lease import queue
from spotkiln.keep.preview import (
    GROUP,
    Preview,
    Template,
    Wanted,
    host_for,
    require_room,
    taken_hosts,
    why_gone,
)
from spotkiln.keep.takedown import Old, Takedown, let_go, still_open
from spotkiln.poll import Clock, Done, Waiting, poll
from spotkiln.serve.rules import Listener

Say = Callable[[str], None]
# A removal drains and ends servers.
REMOVAL_SECONDS = 900.0
# Until AWS has seen that no rule names it any more.
IN_USE_SECONDS = 120.0


def listing(aws: Aws) -> list[Preview]:
    """All of the region, by application and branch."""
    with aws_errors("target groups"):
        pages = aws.elbv2.get_paginator("describe_target_groups").paginate()
        arns = [
            one["TargetGroupArn"]
            for page in pages
            for one in page["TargetGroups"]
            if one["TargetGroupName"].startswith(GROUP)
        ]
    return among(tags_of(aws, arns))


def among(group_tags: Mapping[str, Mapping[str, str]]) -> list[Preview]:
    """Those among target groups with these tags, by ARN."""
    found = [
        Preview.from_tags(arn, tags)
        for arn, tags in group_tags.items()
        if f":targetgroup/{GROUP}" in arn
    ]
    return sorted((x for x in found if x), key=lambda x: (x.app, x.branch))


def find(aws: Aws, name: str) -> Preview | None:
    """By its target group's name."""
    return next((one for one in listing(aws) if one.name == name), None)


@dataclass(frozen=True)
class Made:
    """A preview with its way in. `address` is where people find it."""

    preview: Preview
    address: str


def make(
    aws: Aws, wanted: Wanted, like: str, template: Template, *, clock: Clock, say: Say
) -> Made:
    """The branch's preview, made like the target group of this name; or the one that is there,
    which is kept from now on as long as a new one. One that is just being removed is waited for.

    Raises:
        InputError: there are too many, or the load balancer has no place for it.
    """
    group = target_group(aws, like)
    listener = place.listener_of(aws, group, template)

    def there() -> Done[Preview] | Waiting:
        known = find(aws, wanted.group)
        if known is None:
            return Done(_create(aws, wanted, group, listener, template))
        if not known.removed:
            with aws_errors(str(known)):
                _tag(aws, known.arn, wanted.claim(aws.now(), template.hours))
            # Who removes it looks for that after having said so: one of both sees the other.
            known = find(aws, wanted.group)
            if known and not known.removed:
                say(f"{known} stays until {text_of(known.until)} at least")
                return Done(known)
        return Waiting("it is being removed")

    what = f"the end of the former preview of {wanted.branch}"
    found = poll(there, what=what, deadline_seconds=REMOVAL_SECONDS, clock=clock)
    _furnish(aws, found, group)
    ours = {t.APP: found.app, t.RELEASE: wanted.release, t.TARGET_GROUP: found.name}
    tags = {**wanted.own, **ours}
    aws_rules.put_host_rule(aws, listener.arn, found.host, found.arn, template.priority, tags)
    return Made(preview=found, address=place.address(aws, group, listener, found.host))


def _tag(aws: Aws, arn: str, tags: t.Tags) -> None:
    aws.elbv2.add_tags(
        ResourceArns=[arn], Tags=[{"Key": key, "Value": value} for key, value in tags.items()]
    )


def _create(
    aws: Aws, wanted: Wanted, like: TargetGroup, listener: Listener, template: Template
) -> Preview:
    others = listing(aws)
    require_room(wanted.app, others, template.most, None)
    hosts = [x for one in aws_rules.rules(aws, listener.arn) for x in one.hosts]
    taken = taken_hosts(hosts, others, wanted.group)
    host, check = host_for(template, wanted.app, wanted.branch, taken), like.health_check
    tags = wanted.tags(host, aws.now(), template.hours)
    with aws_errors(f"target group {wanted.group}"):
        made = aws.elbv2.create_target_group(
            Name=wanted.group,
            Protocol=like.protocol,  # type: ignore[arg-type]
            Port=like.port,
            VpcId=like.vpc,
            TargetType="instance",
            HealthCheckEnabled=check.enabled,
            HealthCheckProtocol=check.protocol,  # type: ignore[arg-type]
            HealthCheckPort=check.port or TRAFFIC_PORT,
            HealthCheckPath=check.path,
            HealthCheckIntervalSeconds=check.interval,
            HealthCheckTimeoutSeconds=check.timeout,
            HealthyThresholdCount=check.healthy_threshold,
            UnhealthyThresholdCount=check.unhealthy_threshold,
            Matcher={"HttpCode": check.matcher},
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
        )["TargetGroups"][0]["TargetGroupArn"]
    own = Preview.from_tags(made, tags)
    assert own
    try:
        # Another run may have made one at the same moment.
        require_room(wanted.app, listing(aws), template.most, own)
    except InputError:
        _delete_group(aws, made)
        raise
    return own


def _furnish(aws: Aws, preview: Preview, like: TargetGroup) -> None:
    """What can be said only of a target group that is there."""
    delay = str(like.deregistration_delay)
    with aws_errors(f"attributes of {preview.name}"):
        aws.elbv2.modify_target_group_attributes(
            TargetGroupArn=preview.arn,
            Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": delay}],
        )


# -- the end of it --


def begin_removal(aws: Aws, preview: Preview) -> bool:
    """Write down that it goes: from here on reconcile goes on with it. Whether it does: if it was
    pushed to meanwhile, it stays."""
    _mark(aws, preview)
    now = find(aws, preview.name)
    if now is None:
        return False
    if now.until == preview.until:
        return True
    with aws_errors(str(preview)):
        aws.elbv2.remove_tags(ResourceArns=[preview.arn], TagKeys=[t.PREVIEW_REMOVED])
    return False


def begin_removals(aws: Aws, app: str) -> list[Preview]:
    """Of all previews of an application that nobody can push to any more."""
    found = [one for one in listing(aws) if one.app == app]
    for one in found:
        _mark(aws, one)
    return found


def _mark(aws: Aws, preview: Preview) -> None:
    try:
        with aws_errors(str(preview)):
            _tag(aws, preview.arn, {t.PREVIEW_REMOVED: text_of(aws.now())})
    except AwsMissing:
        return


def end_service(aws: Aws, preview: Preview, *, clock: Clock, say: Say) -> None:
    """Nothing is sent there any more, its servers end, and its images are let go."""
    try:
        group = target_group(aws, preview.name)
    except InputError:
        return
    for balancer in group.load_balancers:
        for listener in aws_rules.listeners(aws, balancer):
            for rule in aws_rules.rules(aws, listener.arn):
                # It forwards there and nowhere else: who else would have made it?
                if rule.groups == (preview.arn,) and rule.priority is not None:
                    aws_rules.delete(aws, rule.arn)
    going = Takedown(
        app=preview.app,
        release=preview.release,
        run="",
        began=aws.now(),
        versions=Old.KEEP,
    )
    takedowns.end_service(aws, group, going, clock=clock, say=say)
    _let_go(aws, preview, going, say)


def _let_go(aws: Aws, preview: Preview, going: Takedown, say: Say) -> None:
    """What others have served with as well forgets this preview; the rest says since when it has
    gone: reconcile discards it later."""
    found = images.of_app(aws, preview.app)
    letting = let_go(found, preview.name, used_images(aws), going.began)
    for image in letting.forget:
        images.untag(aws, image.id, [f"{t.SERVED}{preview.name}"])
    ends = still_open(letting.discard, preview.name, going.began)
    for image in letting.discard:
        tags = {f"{t.SERVED}{preview.name}": ends[image.id]} if image.id in ends else {}
        if t.PREVIEW_REMOVED not in image.tags:
            images.tag(aws, [image.id], {t.PREVIEW_REMOVED: text_of(going.began), **tags})
            say(f"{image.id} stays for a day, for a release that may take it")


def finish(aws: Aws, preview: Preview, *, clock: Clock, say: Say) -> None:
    """Its target group goes: nothing is left."""

    def gone() -> Done[None] | Waiting:
        return Done(None) if _delete_group(aws, preview.arn) else Waiting("still in use")

    poll(
        gone,
        what=f"target group {preview.name} to be used by no rule",
        deadline_seconds=IN_USE_SECONDS,
        clock=clock,
    )
    say(f"removed: {preview}")


def _delete_group(aws: Aws, arn: str) -> bool:
    """False while a rule that was deleted still counts. One that is not there is no error."""
    try:
        aws.elbv2.delete_target_group(TargetGroupArn=arn)
    except ClientError as error:
        if code_of(error) == "ResourceInUse":
            return False
        if not is_not_found(error):
            with aws_errors(f"target group {arn}"):
                raise
    return True


def why_gone_now(aws: Aws, preview: Preview) -> str:
    """As `why_gone`; whose lease runs counts as alive."""
    now = aws.now()
    living = {one.release for one in queue(preview.leases, now, ())}
    return why_gone(preview, launchers(aws).listing(), living, now)


def remove_if_idle(aws: Aws, name: str, *, clock: Clock, say: Say) -> None:
    """For a run that has ended: what it made and nothing serves is taken away again."""
    preview = find(aws, name)
    if preview and (why := why_gone_now(aws, preview)):
        say(f"{preview} goes: {why}")
        remove_unowned(aws, name, clock=clock, say=say)


def remove_unowned(aws: Aws, name: str, *, clock: Clock, say: Say) -> None:
    """For reconcile. It looks again first: it may have been pushed to meanwhile. Leases of the dead
    are gone by then."""
    preview = find(aws, name)
    if preview is None or not why_gone_now(aws, preview):
        say(f"left alone at a second look: {preview or name}")
        return
    if not begin_removal(aws, preview):
        say(f"left alone, it was pushed to just now: {preview}")
        return
    end_service(aws, preview, clock=clock, say=say)
    finish(aws, preview, clock=clock, say=say)
