"""What EC2 says when it launches nothing: found in every envelope, with who is to blame."""

import pytest

from spotkiln.aws.serve.instance import end_of, ended_by
from spotkiln.aws.serve.refusal import refusal_in
from spotkiln.aws.serve.spot_fleet.history import REFUSALS, problem_of
from spotkiln.serve.ending import ending
from spotkiln.serve.gate import BLAMES_CAPACITY, BLAMES_IMAGE, Cause, GateOutcome
from spotkiln.serve.judge import judge
from spotkiln.serve.problem import Meaning, Problem, Reach
from spotkiln.serve.problem import final as final_of
from tests.unit.looks import LIMITS, Healths, ended, look


def final(texts: list[str]) -> tuple[Problem, Meaning] | None:
    return final_of(map(problem_of, texts))


ALL = "allLaunchSpecsTemporarilyBlacklisted: Several attempts to launch instances have failed."
SPEC = "t3.micro, ami-1, Linux/UNIX (Amazon VPC), eu-west-1a while launching spot instance"


def blacklisted(code: str, text: str = "No.") -> str:
    """EC2's way of telling an error inside another."""
    return (
        f"launchSpecTemporarilyBlacklisted: {SPEC}: Repeated errors have occurred processing the "
        f'launch specification "{SPEC}". It will not be retried for at least 13 minutes. Error '
        f"message: {text} (Service: AmazonEC2; Status Code: 400; Error Code: {code})"
    )


LASTING = [
    ("MaxSpotInstanceCountExceeded", Cause.CAPACITY, "Service Quotas"),
    ("VcpuLimitExceeded", Cause.CAPACITY, "Service Quotas"),
    ("InstanceLimitExceeded", Cause.CAPACITY, "Service Quotas"),
    ("VolumeLimitExceeded", Cause.MISCONFIGURED, "EBS volumes"),
    ("InvalidKMSKey.InvalidState", Cause.MISCONFIGURED, "KMS key"),
    ("UnauthorizedOperation", Cause.MISCONFIGURED, "iam:PassRole"),
    ("InvalidIamInstanceProfile", Cause.MISCONFIGURED, "infra.instance_profile"),
    ("InvalidAMIID.NotFound", Cause.MISCONFIGURED, "deregister"),
    ("InvalidKeyPair.NotFound", Cause.MISCONFIGURED, "make it anew"),
    ("PendingVerification", Cause.MISCONFIGURED, "AWS support"),
]


@pytest.mark.parametrize(("code", "cause", "advice"), LASTING)
def test_a_lasting_error_ends_the_gate_at_once_in_either_envelope(
    code: str, cause: Cause, advice: str
) -> None:
    for error in (
        blacklisted(code),
        f"spotFleetRequestConfigurationInvalid: {SPEC}: No. (Error Code: {code})",
        f"{code}: no",
    ):
        found = judge(LIMITS, 2, [look(0), look(5, {"i-1": "healthy"}, errors=(error,))])
        assert (found.outcome, found.cause) == (GateOutcome.FAILED, cause), error
        assert error in found.detail
        assert advice in found.advice


WORDS = [
    ("Max spot instance count exceeded", Cause.CAPACITY),
    ("You have requested more vCPU capacity than your current vCPU limit of 32", Cause.CAPACITY),
    ("You are not authorized to perform this operation. Encoded", Cause.MISCONFIGURED),
    ("Value (web) for parameter iamInstanceProfile.name is invalid", Cause.MISCONFIGURED),
    ("Client.InvalidKMSKey.InvalidState: The KMS key provided is", Cause.MISCONFIGURED),
    ("No permission to create the service-linked role for EC2 Spot", Cause.MISCONFIGURED),
]


@pytest.mark.parametrize(("text", "cause"), WORDS)
def test_ec2s_own_words_do_where_there_is_no_code(text: str, cause: Cause) -> None:
    found = final([f"spotFleetRequestConfigurationInvalid: {SPEC}: {text}"])
    assert found is not None
    assert found[1].cause is cause
    assert "does not take what was asked for" not in found[1].advice


def test_a_lack_of_capacity_is_waited_for_in_whatever_envelope() -> None:
    """EC2 has called it an invalid configuration, too."""
    text = "We currently do not have sufficient t3.micro capacity in the Availability Zone"
    for error in (
        blacklisted("InsufficientInstanceCapacity"),
        blacklisted("InsufficientInstanceCapacity", text),
        f"spotFleetRequestConfigurationInvalid: {SPEC}: {text} you requested",
    ):
        assert final([error]) is None
        assert final([error, ALL]) is None


def test_a_full_subnet_is_final_only_when_every_pool_is_out_for_good() -> None:
    full = blacklisted("InsufficientFreeAddressesInSubnet")
    words = f"spotFleetRequestConfigurationInvalid: {SPEC}: not enough free addresses in subnet 's'"
    nowhere = blacklisted("Unsupported")
    dry = blacklisted("InsufficientInstanceCapacity")
    for only in (full, words):
        assert final([only]) is None
        found = final([only, nowhere, ALL])
        assert found is not None
        assert found[1].cause is Cause.MISCONFIGURED
        assert "free addresses" in found[1].advice
    assert final([full, dry, ALL]) is None
    assert final([full, blacklisted("SomethingNew"), ALL]) is None


def test_an_error_that_is_over_is_over() -> None:
    """All was launched in the end: what had hindered it does not matter any more."""
    up: Healths = {"i-1": "healthy", "i-2": "healthy"}
    seen = [look(5.0 * n, up, errors=(blacklisted("VcpuLimitExceeded"),)) for n in range(3)]
    assert judge(LIMITS, 2, seen).outcome is GateOutcome.HEALTHY


def test_codes_are_whole_words() -> None:
    assert refusal_in("Error Code: NotVcpuLimitExceededAtAll", REFUSALS) is None
    assert refusal_in("something else went wrong", REFUSALS) is None


def test_every_refusal_says_what_to_do_and_none_blames_an_image() -> None:
    for one in REFUSALS:
        assert one.advice.endswith((".", "com"))
        assert one.cause not in BLAMES_IMAGE
        assert one.reach is not Reach.PASSING or one.cause in BLAMES_CAPACITY


# Instances that end.


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("Client.InternalError", "KMS key"),
        ("Client.VolumeLimitExceeded", "EBS volumes"),
        ("Client.InvalidSnapshot.NotFound", "snapshot"),
    ],
)
def test_what_no_second_launch_mends_ends_it_with_the_first(code: str, advice: str) -> None:
    found = judge(LIMITS, 2, [look(0), look(5, ended=[ended("i-2", code)])])
    assert (found.outcome, found.cause) == (GateOutcome.FAILED, Cause.MISCONFIGURED)
    assert f"i-2 ({code})" in found.detail
    assert advice in found.advice
    # Where another runs it may have been an accident: so many as may be lost are borne with.
    up: Healths = {"i-1": "healthy", "i-9": "healthy"}
    lost = [ended(f"i-{n}", code) for n in (2, 3, 4)]
    for allowed in (lost[:1], lost[:2]):
        assert judge(LIMITS, 2, [look(0, up, ended=allowed)]).outcome is GateOutcome.WAITING
    assert judge(LIMITS, 2, [look(0, up, ended=lost)]).cause is Cause.MISCONFIGURED


@pytest.mark.parametrize(
    "code", ["Client.UserInitiatedShutdown", "Client.InstanceTerminated", "Client.NewReason"]
)
def test_what_others_ended_blames_nobody(code: str) -> None:
    gone = [ended(f"i-{n}", code) for n in range(3, 6)]
    up: Healths = {"i-1": "healthy", "i-2": "healthy"}
    assert judge(LIMITS, 2, [look(0, up, ended=gone[:2])]).outcome is GateOutcome.WAITING
    found = judge(LIMITS, 2, [look(0, up, ended=gone)])
    assert (found.outcome, found.cause) == (GateOutcome.FAILED, Cause.OUTSIDE)
    assert found.detail.startswith("3 instances were ended, 2 are allowed")
    assert "CloudTrail" in found.advice


def test_of_mixed_endings_the_commoner_counts_and_in_doubt_the_image_is_spared() -> None:
    own = [ended(f"i-{n}", "Client.InstanceInitiatedShutdown") for n in range(3)]
    others = [ended(f"i-{n}", "Client.UserInitiatedShutdown") for n in range(3, 6)]
    assert judge(LIMITS, 2, [look(0, ended=[*own, *others[:1]])]).cause is Cause.CRASHING
    assert judge(LIMITS, 2, [look(0, ended=[*own[:2], *others[:2]])]).cause is Cause.OUTSIDE


@pytest.mark.parametrize("code", ["", "Server.InternalError", "Server.SpotInstanceTermination"])
def test_what_ec2_ended_is_no_loss(code: str) -> None:
    assert ending(end_of(code)) is None


def test_a_state_reasons_message_may_say_more_than_its_code() -> None:
    """As EC2 tells it of a volume that is encrypted with a key that may not be used."""
    said = "Client.InternalError: Client error on launch"
    assert ended_by("Server.InternalError", said) == "Client.InternalError"
    assert ended_by("Client.UserInitiatedShutdown", "") == "Client.UserInitiatedShutdown"
    assert ended_by("Server.InternalError", "Server.InternalError: x") == "Server.InternalError"
