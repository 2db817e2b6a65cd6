"""Tags of target groups. One may go at any moment: a preview's does with its branch."""

from collections.abc import Sequence

from spotkiln.aws.errors import AwsMissing, aws_errors
from spotkiln.aws.session import Aws

# Of one call.
MOST = 20


def tags_of(aws: Aws, target_groups: Sequence[str]) -> dict[str, dict[str, str]]:
    """By ARN; of those that are still there. Source: ELBv2 DescribeTags."""
    found: dict[str, dict[str, str]] = {}
    for start in range(0, len(target_groups), MOST):
        found |= _some(aws, list(target_groups[start : start + MOST]))
    return found


def _some(aws: Aws, arns: list[str]) -> dict[str, dict[str, str]]:
    try:
        with aws_errors("tags of target groups"):
            answer = aws.elbv2.describe_tags(ResourceArns=arns)
    except AwsMissing:
        # AWS answers for all or for none.
        if len(arns) == 1:
            return {}
        return {arn: tags for one in arns for arn, tags in _some(aws, [one]).items()}
    return {
        one["ResourceArn"]: {tag["Key"]: tag.get("Value", "") for tag in one.get("Tags", [])}
        for one in answer["TagDescriptions"]
    }
