"""Refusals: what EC2 says when it launches nothing, or ends at once what it launched; who is to
blame, whether waiting mends it, and what does.

EC2 puts one error into several envelopes: as an event of its own, or inside the text of a launch
specification's (`launchSpecTemporarilyBlacklisted: … Error Code: MaxSpotInstanceCountExceeded`).
So the code, or EC2's words where there is no code, is looked for anywhere in the text.
"""

import re
from collections.abc import Iterable
from enum import StrEnum

from spotkiln.noun import Noun
from spotkiln.serve.gate import Cause


class Reach(StrEnum):
    """How far a refusal goes, and with that when it ends a gate."""

    ALL = "every pool has it, and no waiting mends it"
    POOL = "other pools may do; no waiting mends it"
    PASSING = "waiting may mend it"


class Refusal(Noun):
    """`words` are EC2's own, for texts without a code; both are compared without case."""

    codes: tuple[str, ...]
    reach: Reach
    cause: Cause
    advice: str
    words: tuple[str, ...] = ()

    def found_in(self, text: str) -> bool:
        # A code is a word of its own: VolumeLimitExceeded is not MaxVolumeLimitExceeded.
        if any(re.search(rf"(?<!\w){re.escape(x)}(?!\w)", text, re.IGNORECASE) for x in self.codes):
            return True
        return any(words.lower() in text.lower() for words in self.words)


SPOT_QUOTA = (
    "Ask AWS (Service Quotas, EC2) for a higher quota of Spot instance requests, or set "
    "on_demand_fallback."
)
QUOTA = "Ask AWS (Service Quotas, EC2) for a higher quota of running On-Demand instances."
KMS = (
    "Is a volume encrypted with a KMS key that the fleet may not use? Grant the key to the "
    "service-linked roles AWSServiceRoleForEC2Spot and AWSServiceRoleForEC2SpotFleet, and see "
    "that it is enabled."
)
VOLUMES = (
    "The account's quota of EBS volumes or of their size is used up: remove volumes, or ask AWS "
    "(Service Quotas, EBS) for more."
)

# The first that fits is taken: what says more comes before what says less.
REFUSALS = (
    Refusal(
        codes=("MaxSpotInstanceCountExceeded", "spotInstanceCountLimitExceeded"),
        words=("max spot instance count exceeded",),
        reach=Reach.ALL,
        cause=Cause.CAPACITY,
        advice=SPOT_QUOTA,
    ),
    Refusal(
        codes=("VcpuLimitExceeded", "InstanceLimitExceeded", "MaxInstanceCountExceeded"),
        words=("more vCPU capacity than your current vCPU limit",),
        reach=Reach.ALL,
        cause=Cause.CAPACITY,
        advice=QUOTA,
    ),
    Refusal(
        codes=("VolumeLimitExceeded", "MaxIOPSLimitExceeded", "VolumeIOPSLimit"),
        reach=Reach.ALL,
        cause=Cause.MISCONFIGURED,
        advice=VOLUMES,
    ),
    Refusal(
        codes=("InvalidKMSKey.InvalidState", "KMSKeyNotAccessibleFault", "InvalidKMSKey"),
        words=("KMS key", "AWS KMS"),
        reach=Reach.ALL,
        cause=Cause.MISCONFIGURED,
        advice=KMS,
    ),
    Refusal(
        codes=("InvalidIamInstanceProfile",),
        words=("invalid IAM instance profile", "iamInstanceProfile"),
        reach=Reach.ALL,
        cause=Cause.MISCONFIGURED,
        advice="The instance profile is gone or holds no role: mend it, or name another "
        "(infra.instance_profile).",
    ),
    Refusal(
        codes=("UnauthorizedOperation", "AccessDenied", "AccessDeniedException"),
        words=("not authorized to perform",),
        reach=Reach.ALL,
        cause=Cause.MISCONFIGURED,
        advice="The fleet's role lacks a right that the text names: docs/aws.md says what it must "
        "trust and hold; iam:PassRole for the instance profile's role is among it.",
    ),
    Refusal(
        codes=("AuthFailure.ServiceLinkedRoleCreationNotPermitted",),
        words=("service-linked role", "service linked role"),
        reach=Reach.ALL,
        cause=Cause.MISCONFIGURED,
        advice="Create the service-linked role: aws iam create-service-linked-role "
        "--aws-service-name spot.amazonaws.com",
    ),
    Refusal(
        codes=("PendingVerification", "OptInRequired"),
        words=("currently being verified",),
        reach=Reach.ALL,
        cause=Cause.MISCONFIGURED,
        advice="AWS does not let this account launch yet: the text says why; AWS support helps.",
    ),
    Refusal(
        codes=("iamFleetRoleInvalid",),
        reach=Reach.ALL,
        cause=Cause.MISCONFIGURED,
        advice="Mend the fleet's role: docs/aws.md says what it must trust and hold.",
    ),
    Refusal(
        codes=("InvalidAMIID.NotFound", "InvalidAMIID.Unavailable", "InvalidSnapshot.NotFound"),
        words=("The image id",),
        reach=Reach.ALL,
        cause=Cause.MISCONFIGURED,
        advice="The image or its snapshot is gone: did somebody deregister it? Release again.",
    ),
    Refusal(
        codes=(
            "InvalidKeyPair.NotFound",
            "InvalidGroup.NotFound",
            "InvalidSecurityGroupID.NotFound",
            "InvalidLaunchTemplateId.NotFound",
        ),
        reach=Reach.ALL,
        cause=Cause.MISCONFIGURED,
        advice="What the text names was there when the release began and is gone now: make it "
        "anew, or name another.",
    ),
    Refusal(
        codes=("InsufficientFreeAddressesInSubnet",),
        words=("not enough free addresses in subnet",),
        reach=Reach.POOL,
        cause=Cause.MISCONFIGURED,
        advice="The load balancer's subnets have no free addresses: free some, or enable subnets "
        "with more room for the load balancer.",
    ),
    Refusal(
        codes=("Unsupported", "InvalidSubnetID.NotFound"),
        words=(
            "not supported in your requested Availability Zone",
            "not supported in the requested Availability Zone",
        ),
        reach=Reach.POOL,
        cause=Cause.MISCONFIGURED,
        advice="No zone of the load balancer has these instance types: allow others.",
    ),
    Refusal(
        codes=(
            "InsufficientInstanceCapacity",
            "InsufficientCapacity",
            "InsufficientHostCapacity",
            "UnfulfillableCapacity",
            "SpotMaxPriceTooLow",
            "RequestLimitExceeded",
            "InternalError",
            "ServiceUnavailable",
            "Unavailable",
        ),
        words=("do not have sufficient", "no Spot capacity available"),
        reach=Reach.PASSING,
        cause=Cause.CAPACITY,
        advice="Allow more instance types or zones, or set on_demand_fallback.",
    ),
    # Last: this envelope holds all of the above as well.
    Refusal(
        codes=("spotFleetRequestConfigurationInvalid",),
        reach=Reach.ALL,
        cause=Cause.MISCONFIGURED,
        advice="EC2 does not take what was asked for: see the fleet's history in the evidence.",
    ),
)


def refusal_in(text: str) -> Refusal | None:
    """What a text of EC2's means; None for what is not known, which is waited for."""
    return next((one for one in REFUSALS if one.found_in(text)), None)


def final(errors: Iterable[str]) -> tuple[str, Refusal] | None:
    """The error, if any, after which a fleet launches nothing however long one waits.

    What only some pools have is final once the fleet says that all are out, and none of them
    for a reason that passes.
    """
    known = [(text, refusal_in(text)) for text in errors]
    for text, one in known:
        if one is not None and one.reach is Reach.ALL:
            return text, one
    pools = [(text, one) for text, one in known if not text.startswith("allLaunchSpecsTemporarily")]
    lasting = [(text, one) for text, one in pools if one is not None and one.reach is Reach.POOL]
    if lasting and len(lasting) == len(pools) < len(known):
        return lasting[0]
    return None


class Ending(Noun):
    """Why an instance ended, as its state reason's code says. `at_once`: one is enough, if
    none runs."""

    cause: Cause
    advice: str
    at_once: bool = False


ENDINGS = {
    # From inside: something in the image, or that it starts, shut the machine down.
    "Client.InstanceInitiatedShutdown": Ending(
        cause=Cause.CRASHING,
        advice="Something in the image shuts the machine down: see the console output in the "
        "evidence.",
    ),
    "Client.InternalError": Ending(cause=Cause.MISCONFIGURED, advice=KMS, at_once=True),
    "Client.InvalidKMSKey.InvalidState": Ending(
        cause=Cause.MISCONFIGURED, advice=KMS, at_once=True
    ),
    "Client.VolumeLimitExceeded": Ending(cause=Cause.MISCONFIGURED, advice=VOLUMES, at_once=True),
    "Client.InvalidSnapshot.NotFound": Ending(
        cause=Cause.MISCONFIGURED,
        advice="The image's snapshot is gone: did somebody delete it? Release again.",
        at_once=True,
    ),
}
# Somebody else ended it: a person, another tool, or for a reason that is not known here.
BY_OTHERS = Ending(
    cause=Cause.OUTSIDE,
    advice="Something ended them by EC2's API: CloudTrail says who (TerminateInstances).",
)


def ending(code: str) -> Ending | None:
    """None for what EC2 itself ended, which is replaced and speaks against nobody: reasons that
    begin with `Server.` (interrupted, no capacity, failed hardware)."""
    if not code or code.startswith("Server."):
        return None
    return ENDINGS.get(code, BY_OTHERS)
