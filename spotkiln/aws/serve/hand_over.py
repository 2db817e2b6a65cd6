"""Where a release writes down that it changes the weights of a pair, and how they are set back.

It is a tag on the first target group of the pair. So anybody can set them back after the release
has died, whatever has become of its servers.
"""

from collections.abc import Mapping

from botocore.exceptions import ClientError

from spotkiln import tags as t
from spotkiln.aws.errors import aws_errors, is_not_found
from spotkiln.aws.serve.group_tags import tags_of
from spotkiln.aws.serve.launchers import launchers
from spotkiln.aws.serve.weights import rules_of, write_all
from spotkiln.aws.session import Aws
from spotkiln.serve.serving import newest_serving
from spotkiln.serve.weights import HandOver, Weights


def begin(aws: Aws, hand_over: HandOver) -> None:
    """Write it down, before any weight is changed."""
    with aws_errors(f"noting the weights {hand_over.before}"):
        aws.elbv2.add_tags(
            ResourceArns=[hand_over.target_group],
            Tags=[{"Key": hand_over.key, "Value": str(hand_over.before)}],
        )


def begun(tags: Mapping[str, Mapping[str, str]]) -> list[HandOver]:
    """Those that stand in tags of target groups, by their ARNs."""
    return [one for arn, own in tags.items() for one in HandOver.from_tags(arn, own)]


def at(aws: Aws, target_group: str) -> list[HandOver]:
    """Those at this target group (ARN)."""
    return begun(tags_of(aws, [target_group]))


def end(aws: Aws, target_group: str, release: str) -> None:
    """The release is promoted, or has given the requests back. If that was done before, it is no
    error."""
    with aws_errors(f"ending the hand-over of {release}"):
        aws.elbv2.remove_tags(ResourceArns=[target_group], TagKeys=[f"{t.WEIGHTS}{release}"])


def give_back(aws: Aws, target_group: str, release: str) -> bool:
    """Send all requests to where they went before this release changed the weights. Whether any may
    have gone elsewhere. Those of a release that was promoted stay with it.

    It can be repeated, and done by two at once. What is written down counts, and not what the
    rules look like: for a moment AWS may tell what was before a change.
    """
    found = next((one for one in at(aws, target_group) if one.release == release), None)
    if found is None:
        return False
    promoted = any(one.has_served for one in launchers(aws).of_release(release))
    set_back = not promoted and _set(aws, found.before, found.before.active)
    if set_back and found not in at(aws, target_group):
        # This process may have slept before it set them: somebody else has done so, and what serves
        # may be new.
        _follow_what_serves(aws, found)
    end(aws, target_group, release)
    return set_back


def _set(aws: Aws, of: Weights, to: str) -> bool:
    """All requests to the group of this name. False if the pair is gone, and so are its rules."""
    arns, balancers = _pair(aws, of)
    rules = [ref for one in balancers for ref in rules_of(aws, one, set(arns.values()))]
    if rules:
        write_all(aws, rules, arns, of.to(to))
    return bool(rules)


def _pair(aws: Aws, of: Weights) -> tuple[dict[str, str], set[str]]:
    """ARNs by name, and the load balancers."""
    try:
        told = aws.elbv2.describe_target_groups(Names=sorted(of.of))["TargetGroups"]
    except ClientError as error:
        if is_not_found(error):
            return {}, set()
        with aws_errors(f"target groups {of}"):
            raise
    arns = {one["TargetGroupName"]: one["TargetGroupArn"] for one in told}
    return arns, {arn for one in told for arn in one.get("LoadBalancerArns", [])}


def _follow_what_serves(aws: Aws, found: HandOver) -> None:
    serving = newest_serving(launchers(aws).listing()).get(found.target_group)
    name = next((x for x in found.before.of if serving and f"/{x}/" in serving.group), "")
    if name:
        _set(aws, found.before, name)
