"""What machines may do whose role no stack has made: the statements of the account's template, with
wider resources. The sandbox does not import the product, so a test compares the two."""

from typing import Any

from sandbox.state.records import ACCOUNT_ID

_SSM = f"arn:aws:ssm:*:{ACCOUNT_ID}:parameter"
_SECRETS = f"arn:aws:secretsmanager:*:{ACCOUNT_ID}:secret"


def statements(environment: str) -> list[dict[str, Any]]:
    """Of every application in this environment, and nothing of another one's."""
    parameters, secrets = f"{_SSM}/*/{environment}", f"{_SECRETS}:*/{environment}"
    return [
        _allow(
            "Leave",
            f"arn:aws:elasticloadbalancing:*:{ACCOUNT_ID}:targetgroup/*/*",
            "elasticloadbalancing:DeregisterTargets",
        ),
        _allow("LookAtTargets", "*", "elasticloadbalancing:DescribeTargetHealth"),
        _allow("ReadParameters", [parameters, f"{parameters}/*"], "ssm:GetParametersByPath"),
        _allow(
            "ReadSecrets", [f"{secrets}-??????", f"{secrets}/*"], "secretsmanager:GetSecretValue"
        ),
        _allow(
            "WriteLogs",
            f"arn:aws:logs:*:{ACCOUNT_ID}:log-group:*",
            "logs:CreateLogGroup",
            "logs:CreateLogStream",
            "logs:PutLogEvents",
            "logs:PutRetentionPolicy",
        ),
    ]


def _allow(sid: str, resource: str | list[str], *actions: str) -> dict[str, Any]:
    listed = [resource] if isinstance(resource, str) else resource
    return {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": listed}
