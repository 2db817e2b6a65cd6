"""Ending: what it says of a release that one of its instances ended."""

from collections.abc import Sequence

from spotkiln.noun import Noun
from spotkiln.serve.gate import Cause
from spotkiln.target import End, Instance

KMS = (
    "Is a volume encrypted with a KMS key that EC2 may not use for this launch? Grant the key to "
    "the service-linked roles that `spotkiln docs aws` names, and see that it is enabled."
)
VOLUMES = (
    "The account's quota of EBS volumes or of their size is used up: remove volumes, or ask AWS "
    "(Service Quotas, EBS) for more."
)


class Ending(Noun):
    """Who is to blame, and what to do. `at_once`: one is enough to fail the gate, if none runs:
    a second launch would end in the same way."""

    cause: Cause
    advice: str
    at_once: bool = False


ENDINGS = {
    End.FROM_INSIDE: Ending(
        cause=Cause.CRASHING,
        advice="Something in the image shuts the machine down: see the console output in the "
        "evidence.",
    ),
    End.KEY_REFUSED: Ending(cause=Cause.MISCONFIGURED, advice=KMS, at_once=True),
    End.VOLUME_QUOTA: Ending(cause=Cause.MISCONFIGURED, advice=VOLUMES, at_once=True),
    End.SNAPSHOT_GONE: Ending(
        cause=Cause.MISCONFIGURED,
        advice="The image's snapshot is gone: did somebody delete it? Release again.",
        at_once=True,
    ),
    End.BY_OTHERS: Ending(
        cause=Cause.OUTSIDE,
        advice="Something ended them by EC2's API: CloudTrail says who (TerminateInstances).",
    ),
}


def ending(end: End | None) -> Ending | None:
    """None for what EC2 ended itself: it is replaced, and speaks against nobody."""
    return ENDINGS.get(end) if end else None


def scaled_in_apart(
    ended: Sequence[tuple[Instance, Ending]], scaled_in: int
) -> list[tuple[Instance, Ending]]:
    """Those whose end says something of the release. Somebody has made the fleet smaller by
    `scaled_in`: so many that were ended from outside ended for that."""
    outside = [one.id for one, how in ended if how.cause is Cause.OUTSIDE][:scaled_in]
    return [(one, how) for one, how in ended if one.id not in outside]
