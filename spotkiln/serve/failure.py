"""Failure: the error with which a release ends when its servers did not pass the gate."""

from spotkiln.errors import CapacityError, GateFailed, ImageRejected
from spotkiln.serve.gate import BLAMES_CAPACITY, BLAMES_IMAGE, Verdict


def failure_of(verdict: Verdict, last_lines: str) -> CapacityError | GateFailed:
    """The error for a verdict that is not `healthy`; `last_lines` are the application's.

    CapacityError: EC2 had no machines in time, or a quota is used up. ImageRejected: the image is
    to blame. GateFailed: it is not, and a person must mend something.
    """
    text = f"the new servers did not pass the gate: {verdict}"
    if verdict.cause in BLAMES_CAPACITY:
        return CapacityError(text)
    if verdict.cause in BLAMES_IMAGE:
        return ImageRejected(text, verdict.cause, last_lines)
    return GateFailed(text, verdict.cause, last_lines)
