"""Refusals: the errors with which EC2 refuses to launch an instance, whoever asks for it; who is to
blame, whether waiting mends it, and what to do.

EC2 puts one error into several envelopes: as an event of its own, or inside another text (`… Error
Code: MaxSpotInstanceCountExceeded`). So the code, or EC2's words where there is no code, is looked
for anywhere in the text. A launcher adds what only it says to this table.
"""

import re
from collections.abc import Iterable

from spotkiln.serve.ending import KMS, VOLUMES
from spotkiln.serve.gate import Cause
from spotkiln.serve.problem import Meaning, Reach


class Refusal(Meaning):
    """`words` are EC2's own, for texts without a code. Both are compared without case."""

    codes: tuple[str, ...]
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

# The first that fits is taken: what says more comes before what says less.
EC2 = (
    Refusal(
        codes=("MaxSpotInstanceCountExceeded",),
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
        advice="The role that launches lacks a right that the text names: `spotkiln docs aws` says "
        "what it must trust and hold; iam:PassRole for the instance profile's role is among it.",
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
)


def refusal_in(text: str, refusals: Iterable[Refusal] = EC2) -> Refusal | None:
    """The first of these that a text of AWS's holds; None for what is not known."""
    return next((one for one in refusals if one.found_in(text)), None)
