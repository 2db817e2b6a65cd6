"""How severe a vulnerability is, as its record tells."""

from collections.abc import Iterable, Mapping
from typing import Any

from spotkiln.release.vulnerabilities import Severity

# GitHub's word for what others call medium.
WORDS = {**{one.value: one for one in Severity}, "moderate": Severity.MEDIUM}
# From which CVSS score on. Source: the specification's qualitative severity rating scale.
SCORES = (
    (9.0, Severity.CRITICAL),
    (7.0, Severity.HIGH),
    (4.0, Severity.MEDIUM),
    (0.1, Severity.LOW),
)


def of_word(word: object) -> Severity:
    return WORDS.get(str(word or "").lower(), Severity.UNKNOWN)


def of_score(score: float) -> Severity:
    return next((one for least, one in SCORES if score >= least), Severity.UNKNOWN)


def of_vectors(told: Iterable[Mapping[str, Any]]) -> Severity:
    """The most severe of OSV's `severity`: objects of `type` and `score`, which is a vector."""
    found = [of_score(_score(str(one.get("type")), str(one.get("score")))) for one in told]
    return max(found, key=lambda one: one.rank, default=Severity.UNKNOWN)


def _score(kind: str, vector: str) -> float:
    from cvss import CVSS2, CVSS3, CVSS4
    from cvss.exceptions import CVSSError

    known = {"CVSS_V2": CVSS2, "CVSS_V3": CVSS3, "CVSS_V4": CVSS4}
    if kind not in known:
        return 0.0
    try:
        return float(known[kind](vector).scores()[0])
    except CVSSError:
        return 0.0
