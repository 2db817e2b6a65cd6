"""Vulnerabilities: what is known of what is in an image, and what follows from it."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator, model_validator

from spotkiln.bake.contents import Kind
from spotkiln.moment import utc
from spotkiln.noun import Noun

# So many are named where a line has room for some.
NAMED = 10
NONE: Final = "none"


class Severity(StrEnum):
    """The least severe first. `unknown`: nobody has said how severe it is."""

    UNKNOWN = "unknown"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        return list(Severity).index(self)


class Accepted(Noun):
    """A vulnerability that somebody answers for, for a time."""

    id: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9:._-]{2,100}$",
        title="Id",
        description="As it is told, or one of its other names, such as CVE-2026-1234.",
    )
    why: str = Field(
        min_length=1,
        max_length=500,
        title="Why",
        description="Why it may be there, and who says so.",
    )
    until: date = Field(
        title="Until",
        description="The last day on which it is accepted, such as 2026-12-31, in UTC.",
    )


class Vulnerabilities(Noun):
    """Which known vulnerabilities are looked for, and which of them refuse a release."""

    debian: str = Field(
        default="",
        max_length=500,
        title="Debian's data",
        description="Address or folder of the data that debsecan reads, with a file for each "
        "suite. Empty: Debian's packages are not checked.",
    )
    osv: str = Field(
        default="",
        max_length=500,
        title="OSV's exports",
        description="Address or folder of OSV's exports, with ECOSYSTEM/all.zip below it. Empty: "
        "locked dependencies are not checked.",
    )
    refuse: Literal["none", "low", "medium", "high", "critical"] = Field(
        default=NONE,
        title="Refuse",
        description="End a release before its launch for what is as severe or more, and has a fix.",
    )
    unfixed: bool = Field(
        default=False,
        title="Refuse without a fix",
        description="Refuse also for what nobody has fixed yet.",
    )
    must_be_known: bool = Field(
        default=False,
        title="Must be known",
        description="Refuse also when something that is asked for could not be checked.",
    )
    accept: tuple[Accepted, ...] = Field(
        default=(),
        title="Accept",
        description="Vulnerabilities that refuse nothing, each until a day.",
    )

    @field_validator("debian", "osv")
    @classmethod
    def _is_a_place(cls, place: str) -> str:
        parts = urlsplit(place)
        web = parts.scheme in {"http", "https"} and parts.hostname and "@" not in parts.netloc
        if place and not (place.startswith("/") or web):
            raise ValueError("expected an address (https://…) without user, or a folder (/…)")
        return place.rstrip("/")

    @model_validator(mode="after")
    def _has_data(self) -> Self:
        if (self.refuse != NONE or self.must_be_known) and not self.asked:
            raise ValueError(
                "expected `debian` or `osv` to say where the data is: without any nothing is "
                "known, and so nothing refused"
            )
        return self

    @property
    def asked(self) -> bool:
        """Whether anything is looked for at all."""
        return bool(self.debian or self.osv)


class Finding(Noun):
    """A known vulnerability of a package in the image. `fixed` is the version that has it no more;
    empty if there is none yet. `aliases` are its other names."""

    id: str
    kind: Kind
    package: str
    version: str
    severity: Severity = Severity.UNKNOWN
    fixed: str = ""
    summary: str = ""
    aliases: tuple[str, ...] = ()

    def __str__(self) -> str:
        fixed = f"fixed in {self.fixed}" if self.fixed else "no fix yet"
        return f"{self.id} ({self.severity}): {self.package} {self.version}, {fixed}"


class Data(Noun):
    """What was looked in. `of` is when it was published, in UTC, as far as that is told; `trouble`
    says why it could not be read, or is old."""

    name: str
    of: datetime | None = None
    trouble: str = ""

    def __str__(self) -> str:
        told = f"{self.name} of {utc(self.of)}" if self.of else f"{self.name} of an unknown day"
        told = self.name if self.trouble and not self.of else told
        return f"{told}: {self.trouble}" if self.trouble else told


class Known(Noun):
    """What was known of an image when it was `checked`, in UTC."""

    image: str
    checked: datetime
    data: tuple[Data, ...] = ()
    findings: tuple[Finding, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """From JSON; None if another version of Spotkiln wrote it and this one cannot read it."""
        try:
            return cls.model_validate_json(text)
        except ValidationError:
            return None

    @property
    def troubles(self) -> tuple[Data, ...]:
        return tuple(one for one in self.data if one.trouble)


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The most severe first; each once."""
    return tuple(
        sorted(set(findings), key=lambda x: (-x.severity.rank, x.package, x.version, x.id))
    )


def together(known: Sequence[Known]) -> Known:
    """Of all images of a release as one, by the first of them."""
    return known[0].model_copy(
        update={
            "data": tuple(dict.fromkeys(one for each in known for one in each.data)),
            "findings": in_order(one for each in known for one in each.findings),
        }
    )


def not_accepted(
    findings: Iterable[Finding], policy: Vulnerabilities, today: date
) -> tuple[Finding, ...]:
    """Those that nobody answers for today."""
    names = {one.id for one in policy.accept if today <= one.until}
    return tuple(one for one in findings if names.isdisjoint({one.id, *one.aliases}))


def refused(known: Known, policy: Vulnerabilities, today: date) -> tuple[Finding, ...]:
    """Those for which nothing may be released, the most severe first."""
    if policy.refuse == NONE:
        return ()
    least = Severity(policy.refuse).rank
    return tuple(
        one
        for one in not_accepted(known.findings, policy, today)
        if one.severity.rank >= least and (one.fixed or policy.unfixed)
    )


def why_refused(known: Known, policy: Vulnerabilities, today: date) -> str:
    """Why the release ends before its launch; empty if it goes on."""
    if policy.must_be_known and known.troubles:
        told = "; ".join(map(str, known.troubles))
        return f"known vulnerabilities could not be looked up, which must_be_known asks for: {told}"
    found = refused(known, policy, today)
    if not found:
        return ""
    cure = (
        "rebuild the base image (`spotkiln base`) for Debian's packages, take the fixed versions "
        "into the lock file for others, or accept one for a time (`vulnerabilities.accept`)"
    )
    return (
        f"{len(found)} known vulnerabilities of severity {policy.refuse} or more: "
        f"{named(found)}. To mend it, {cure}"
    )


def named(findings: Iterable[Finding]) -> str:
    """For one line."""
    told = list(map(str, findings))
    more = [f"and {len(told) - NAMED} more"] if len(told) > NAMED else []
    return "; ".join([*told[:NAMED], *more])


def counted(findings: Iterable[Finding]) -> str:
    """Such as "2 critical, 1 low"; "none" if there are none."""
    each = list(findings)
    numbers = {one: sum(x.severity is one for x in each) for one in reversed(Severity)}
    return ", ".join(f"{number} {one}" for one, number in numbers.items() if number) or "none"


def to_rebuild(known: Known, policy: Vulnerabilities, today: date) -> tuple[Finding, ...]:
    """Those that an update mends, and nobody answers for."""
    return tuple(one for one in not_accepted(known.findings, policy, today) if one.fixed)


def in_words(known: Known, policy: Vulnerabilities, today: date) -> list[str]:
    """What is known, line by line."""
    open_ones = not_accepted(known.findings, policy, today)
    accepted = len(known.findings) - len(open_ones)
    data = ", ".join(str(one) for one in known.data if not one.trouble) or "no data"
    lines = [
        f"known vulnerabilities: {counted(open_ones)}"
        + (f", {accepted} accepted" if accepted else "")
        + f" (checked {utc(known.checked)}, by {data})"
    ]
    mendable = to_rebuild(known, policy, today)
    debian = [one for one in mendable if one.kind is Kind.DEB]
    others = [one for one in mendable if one.kind is not Kind.DEB]
    lines += [f"needs a rebuild: {named(debian)}"] if debian else []
    lines += [f"needs newer dependencies: {named(others)}"] if others else []
    return lines + [f"not checked: {one}" for one in known.troubles]
