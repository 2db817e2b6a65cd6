"""Turns what botocore raises into our errors: with the call, the resource and the next step."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConfigNotFound,
    ConfigParseError,
    CredentialRetrievalError,
    InvalidRegionError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)

from spotkiln.errors import InfrastructureError, InputError, PermissionDenied, SpotkilnError

DENIED = {"UnauthorizedOperation", "AccessDenied", "AccessDeniedException", "Client.Unauthorized"}
BAD_CREDENTIALS = {
    "AuthFailure",
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
    "RequestExpired",
}
TRY_AGAIN = {
    "EC2ThrottledException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "InternalError",
    "InternalFailure",
    "ServiceUnavailable",
    "Unavailable",
}
# What botocore itself raises when a person must mend the credentials, or the call. Whatever else it
# raises is the network's fault.
NO_CREDENTIALS = (
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)
WRONG_CALL = (
    ConfigNotFound,
    ConfigParseError,
    InvalidRegionError,
    NoRegionError,
    ParamValidationError,
)


_RIGHT = re.compile(r"not authorized to perform: ([\w-]+:\w+)(?: on resource: (\S+))?")
_ENCODED = "Encoded authorization failure message:"


class AwsError(InfrastructureError):
    """AWS failed, or cannot be reached. `code` is AWS's error code, if there is one."""

    def __init__(self, message: str, code: str = "") -> None:
        self.code = code
        super().__init__(message)


class AwsMissing(AwsError):
    """AWS does not know something that was named. It may have been made so lately that AWS does not
    show it yet."""


class AwsRefused(InputError):
    """AWS says that the request is wrong; `code` is its error code."""

    def __init__(self, message: str, code: str = "") -> None:
        self.code = code
        super().__init__(message)


def code_of(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def is_not_found(error: ClientError) -> bool:
    code = code_of(error)
    return code.endswith(("NotFound", "NotFoundException", ".Unknown")) or code in {
        "NoSuchEntity",
        "InvalidAMIID.Unavailable",
    }


def is_denied(error: ClientError) -> bool:
    return code_of(error) in DENIED


def translate(error: BotoCoreError | ClientError, resource: str) -> SpotkilnError:
    """Our error for botocore's. `resource` says in words what the call was about."""
    if isinstance(error, NO_CREDENTIALS):
        said = str(error).rstrip(".")
        return InputError(
            f"no AWS credentials found for {resource}: {said}; set AWS_PROFILE, log in, or run on "
            "an instance with a role; `aws sts get-caller-identity` shows who you are"
        )
    if isinstance(error, WRONG_CALL):
        return AwsRefused(f"{resource}: {error}", type(error).__name__)
    if not isinstance(error, ClientError):
        return AwsError(f"{resource}: cannot reach AWS: {error}", type(error).__name__)
    code = code_of(error)
    call = error.operation_name
    # An empty element is None to botocore.
    message = (error.response.get("Error", {}).get("Message") or "").rstrip(".")
    if code in DENIED:
        return PermissionDenied(_denied(call, resource, message))
    if code in BAD_CREDENTIALS:
        return InputError(
            f"AWS does not accept the credentials ({code} at {call}, {resource}): {message}. "
            "Log in again or check AWS_PROFILE"
        )
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in TRY_AGAIN or status >= 500:
        return AwsError(f"{call} failed ({resource}): {code}: {message}", code)
    if is_not_found(error):
        return AwsMissing(f"{call} did not find it ({resource}): {code}: {message}", code)
    return AwsRefused(f"AWS refused {call} ({resource}): {code}: {message}", code)


def _denied(call: str, resource: str, message: str) -> str:
    """One call may need several rights, such as one to hand a role on: AWS's words name the one
    that is missing."""
    found = _RIGHT.search(message)
    if found:
        # What follows is for AWS's own tools, and says the same.
        message = message.partition(_ENCODED)[0].rstrip(" .")
    right = found[1] if found else call
    on = f" on {found[2]}" if found and found[2] else ""
    return (
        f"no right to {call} ({resource}): AWS says: {message}. "
        f"Allow the action {right}{on} for whoever runs this; `spotkiln docs aws` lists all actions"
    )


@contextmanager
def aws_errors(resource: str) -> Iterator[None]:
    """Everything that botocore raises inside comes out as an error of ours."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise translate(error, resource) from error
