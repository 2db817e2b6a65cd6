"""The rights of the servers' own role, by what they do."""

from spotkiln.release.optional_statements import CONFIGURATION, LOGS
from spotkiln.statement import (
    TARGET_GROUPS,
    Statement,
)

# What the servers' own role needs; the names in braces are its deployment's.
SERVER = (
    Statement(
        sid="Leave",
        task="a Spot interruption",
        why="a server leaves its target group before EC2 takes it back",
        actions=("elasticloadbalancing:DeregisterTargets",),
        resources=(TARGET_GROUPS,),
    ),
    Statement(
        sid="LookAtTargets",
        task="a Spot interruption, what runs on one server only",
        why="whether the load balancer has let go, and which server is the first",
        actions=("elasticloadbalancing:DescribeTargetHealth",),
    ),
    Statement(
        sid="ReadParameters",
        task="start",
        why="the deployment's configuration, and no other's",
        actions=("ssm:GetParametersByPath",),
        resources=("{parameters}",),
        part=CONFIGURATION,
    ),
    Statement(
        sid="ReadSecrets",
        task="start",
        why="the deployment's secrets, and no other's",
        actions=("secretsmanager:GetSecretValue",),
        resources=("{secrets}",),
        part=CONFIGURATION,
    ),
    Statement(
        sid="WriteLogs",
        task="logs",
        why="the servers' journal, to be there when they are gone",
        actions=(
            "logs:CreateLogGroup",
            "logs:CreateLogStream",
            "logs:PutLogEvents",
            "logs:PutRetentionPolicy",
        ),
        resources=("{log_groups}",),
        part=LOGS,
    ),
)
