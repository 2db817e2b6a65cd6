"""Everything that botocore raises comes out as ours, with the call, the resource, the next step."""

from typing import Any

import pytest
from botocore import exceptions as b
from botocore.exceptions import BotoCoreError, ClientError

from spotkiln.aws.errors import (
    AwsError,
    AwsMissing,
    AwsRefused,
    aws_errors,
    code_of,
    is_not_found,
    translate,
)
from spotkiln.errors import InputError, PermissionDenied, SpotkilnError, may_be_tried_again

URL = "https://ec2.eu-west-1.amazonaws.com"


def client_error(code: str, message: str = "says AWS", status: int = 400) -> ClientError:
    response: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(response, "RunInstances")


@pytest.mark.parametrize(
    ("code", "status", "kind", "again"),
    [
        # Rights.
        ("UnauthorizedOperation", 403, PermissionDenied, False),
        ("AccessDenied", 403, PermissionDenied, False),
        ("AccessDeniedException", 400, PermissionDenied, False),
        # Credentials.
        ("AuthFailure", 401, InputError, False),
        ("ExpiredToken", 400, InputError, False),
        ("InvalidClientTokenId", 403, InputError, False),
        ("SignatureDoesNotMatch", 403, InputError, False),
        ("UnrecognizedClientException", 400, InputError, False),
        ("RequestExpired", 400, InputError, False),
        # AWS is busy, or broken.
        ("RequestLimitExceeded", 503, AwsError, True),
        ("Throttling", 400, AwsError, True),
        ("ThrottlingException", 400, AwsError, True),
        ("TooManyRequestsException", 429, AwsError, True),
        ("EC2ThrottledException", 400, AwsError, True),
        ("InternalError", 500, AwsError, True),
        ("InternalFailure", 500, AwsError, True),
        ("ServiceUnavailable", 503, AwsError, True),
        ("Unavailable", 503, AwsError, True),
        ("WhoKnows", 500, AwsError, True),
        ("WhoKnows", 502, AwsError, True),
        ("503", 503, AwsError, True),
        # What has just been made may not be seen yet.
        ("InvalidLaunchTemplateId.NotFound", 400, AwsMissing, True),
        ("InvalidSpotFleetRequestId.NotFound", 400, AwsMissing, True),
        ("TargetGroupNotFound", 400, AwsMissing, True),
        # The request is wrong.
        ("InvalidParameterValue", 400, AwsRefused, False),
        ("IdempotentParameterMismatch", 400, AwsRefused, False),
        ("DryRunOperation", 412, AwsRefused, False),
        ("MaxSpotInstanceCountExceeded", 400, AwsRefused, False),
        ("", 400, AwsRefused, False),
    ],
)
def test_client_errors(code: str, status: int, kind: type[SpotkilnError], again: bool) -> None:
    found = translate(client_error(code, status=status), "the builder")
    assert type(found) is kind
    assert may_be_tried_again(found) is again
    text = str(found)
    assert "RunInstances" in text
    assert "the builder" in text
    assert "says AWS" in text
    if isinstance(found, AwsError | AwsRefused):
        assert found.code == code


def test_missing_rights_name_the_action_and_where_to_read_on() -> None:
    assert str(translate(client_error("UnauthorizedOperation", "You are not."), "a dry run")) == (
        "no right to RunInstances (a dry run): AWS says: You are not. Allow the action "
        "RunInstances for whoever runs this; `spotkiln docs aws` lists all actions"
    )


def test_the_missing_right_is_the_one_that_aws_names() -> None:
    """A launch needs several: here the one to hand the role on."""
    role = "arn:aws:iam::123456789012:role/website"
    said = (
        "You are not authorized to perform this operation. User: arn:aws:sts::123456789012:assumed-"
        f"role/worker/x is not authorized to perform: iam:PassRole on resource: {role} because no "
        "identity-based policy allows the iam:PassRole action"
    )
    encoded = f"{said}. Encoded authorization failure message: AbC-dEf_{'x' * 900}"
    for words in (said, encoded):
        found = str(translate(client_error("UnauthorizedOperation", words), "a dry run"))
        assert found == (
            f"no right to RunInstances (a dry run): AWS says: {said}. Allow the action "
            f"iam:PassRole on {role} for whoever runs this; `spotkiln docs aws` lists all actions"
        )


def test_bad_credentials_say_what_to_do() -> None:
    assert str(translate(client_error("ExpiredToken", "It expired."), "who is asking")) == (
        "AWS does not accept the credentials (ExpiredToken at RunInstances, who is asking): "
        "It expired. Log in again or check AWS_PROFILE"
    )


NETWORK: list[BotoCoreError] = [
    b.EndpointConnectionError(endpoint_url=URL, error="refused"),
    b.ConnectTimeoutError(endpoint_url=URL, error="late"),
    b.ReadTimeoutError(endpoint_url=URL, error="late"),
    b.ConnectionClosedError(endpoint_url=URL),
    b.ProxyConnectionError(proxy_url="http://proxy", error="refused"),
    b.SSLError(endpoint_url=URL, error=OSError("bad certificate")),
    b.IncompleteReadError(actual_bytes=1, expected_bytes=2),
    b.MetadataRetrievalError(error_msg="no answer"),
]
CREDENTIALS: list[BotoCoreError] = [
    b.NoCredentialsError(),
    b.PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"),
    b.CredentialRetrievalError(provider="process", error_msg="exit status 1"),
    b.UnauthorizedSSOTokenError(),
    b.SSOTokenLoadError(error_msg="not logged in"),
    b.TokenRetrievalError(provider="sso", error_msg="expired"),
    b.ProfileNotFound(profile="prod"),
]
OURS: list[BotoCoreError] = [
    b.ParamValidationError(report="Missing required parameter: ImageId"),
    b.NoRegionError(),
    b.ConfigParseError(path="/home/ann/.aws/config", error="bad line"),
    b.InvalidRegionError(region_name="Ireland!"),
]


def ids(errors: list[BotoCoreError]) -> list[str]:
    return [type(error).__name__ for error in errors]


@pytest.mark.parametrize("error", NETWORK, ids=ids(NETWORK))
def test_the_network_may_be_tried_again(error: BotoCoreError) -> None:
    found = translate(error, "target groups")
    assert isinstance(found, AwsError)
    assert may_be_tried_again(found)
    assert str(found).startswith("target groups: cannot reach AWS: ")
    assert found.code == type(error).__name__


@pytest.mark.parametrize("error", CREDENTIALS, ids=ids(CREDENTIALS))
def test_credentials_must_be_mended_by_a_person(error: BotoCoreError) -> None:
    found = translate(error, "target groups")
    assert type(found) is InputError
    assert str(found).startswith("no AWS credentials found for target groups: ")
    assert "aws sts get-caller-identity" in str(found)
    assert str(error).rstrip(".") in str(found)


@pytest.mark.parametrize("error", OURS, ids=ids(OURS))
def test_a_wrong_call_stays_wrong(error: BotoCoreError) -> None:
    found = translate(error, "target groups")
    assert isinstance(found, AwsRefused)
    assert not may_be_tried_again(found)
    assert str(found).startswith("target groups: ")
    assert "cannot reach" not in str(found)


def test_inside_the_block_all_is_ours() -> None:
    cause = client_error("InvalidParameterValue")
    with pytest.raises(AwsRefused, match="image ami-1") as caught, aws_errors("image ami-1"):
        raise cause
    assert caught.value.__cause__ is cause
    with pytest.raises(KeyError), aws_errors("image ami-1"):
        raise KeyError("a bug stays one")


@pytest.mark.parametrize(
    ("code", "missing"),
    [
        ("InvalidInstanceID.NotFound", True),
        ("InvalidAMIID.NotFound", True),
        ("InvalidAMIID.Unavailable", True),
        ("InvalidSnapshot.NotFound", True),
        ("InvalidSpotFleetRequestId.NotFound", True),
        ("InvalidLaunchTemplateId.NotFound", True),
        ("InvalidLaunchTemplateName.NotFoundException", True),
        ("InvalidGroup.NotFound", True),
        ("InvalidKeyPair.NotFound", True),
        ("NoSuchEntity", True),
        ("TargetGroupNotFound", True),
        ("LoadBalancerNotFound", True),
        ("InvalidInstanceID.Malformed", False),
        ("InvalidSnapshot.InUse", False),
        ("UnauthorizedOperation", False),
        ("", False),
    ],
)
def test_what_is_not_there(code: str, missing: bool) -> None:
    assert is_not_found(client_error(code)) is missing
    assert code_of(client_error(code)) == code
