"""Preview: an environment of its own for a branch, made on push and gone with the branch.

It is a target group with a tag that says which branch it is for, a rule that sends one host name
there, and what serves it. The tags are written by the call that makes the target group, before all
else; the target group goes last. So whatever is killed in between, reconcile knows what to do.
"""

import hashlib
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Self
from urllib.parse import quote, unquote

from pydantic import AfterValidator, Field, field_validator

from spotkiln import tags as t
from spotkiln.bake.gitref import why_no_ref
from spotkiln.bake.image import Image
from spotkiln.bake.served import moment_of, text_of
from spotkiln.errors import InputError
from spotkiln.keep.lease import Lease, from_tags
from spotkiln.noun import Noun
from spotkiln.serve.fleet import Fleet
from spotkiln.serve.rules import MOST_PRIORITY

BRANCH = "{branch}"
# A group's name begins so, and ends with what is reckoned of its application and branch.
GROUP = "preview-"
# Of one label of a host name, and of a host name in a rule.
MOST_LABEL, MOST_HOST = 63, 128
# An image that only a preview has served stays for so long: a merge is released at the moment in
# which its branch goes, and may take it.
IMAGE_STAYS = timedelta(hours=24)
# Until the run that makes it holds its lease, it has claimed it for so long.
CLAIM = timedelta(minutes=10)
HOST = r"^[a-z0-9-]*\{branch\}[a-z0-9-]*(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*\.[a-z]+$"


class Template(Noun):
    """How an application's previews are made. `infra.target_group` is the one that they are made
    like: its load balancer, port and health check are theirs too."""

    host: str = Field(
        max_length=100,
        title="Host name",
        description="Such as {branch}.preview.example.com: a wildcard record leads to the load "
        "balancer.",
    )
    hours: int = Field(
        default=72,
        ge=1,
        le=24 * 90,
        title="Hours",
        description="A preview goes after so many without a push.",
    )
    most: int = Field(
        default=5,
        ge=1,
        le=50,
        title="At most",
        description="So many previews of the application at once.",
    )
    servers: int = Field(
        default=1, ge=1, le=10, title="Servers", description="Of each preview; `fleet` has no say."
    )
    listener: int = Field(
        default=0,
        ge=0,
        le=65535,
        title="Port of the listener",
        description="0: the one that forwards to the target group; of several, HTTPS.",
    )
    priority: int = Field(
        # As many as `most` allows come before the rule of the account's template, which has 100.
        default=50,
        ge=1,
        le=MOST_PRIORITY,
        title="First priority",
        description="The rules get the first priorities that are free from here on.",
    )

    @field_validator("host")
    @classmethod
    def _has_branch(cls, host: str) -> str:
        if not re.search(HOST, host):
            raise ValueError(
                "expected a host name whose first part has {branch} in it, such as "
                f"{{branch}}.preview.example.com, got {host!r}"
            )
        return host


def checked_branch(branch: str) -> str:
    """
    Raises:
        ValueError: it is no branch, or too long for a tag.
    """
    if not branch or (why := why_no_ref(branch)):
        raise ValueError(why if branch else "expected the name of a branch, got nothing")
    if len(_in_tag(branch)) > t.MOST_CHARACTERS:
        raise ValueError("the name of this branch is too long for a preview")
    return branch


Branch = Annotated[str, AfterValidator(checked_branch)]


def _in_tag(branch: str) -> str:
    """A branch in the letters that a tag of ELB's may have: %23 becomes =23."""
    return quote(branch, safe="/.-_+@:").replace("%", "=")


def _of_tag(value: str) -> str:
    return unquote(value.replace("=", "%"))


def _digest(app: str, branch: str) -> str:
    return hashlib.sha256(f"{app}\0{branch}".encode()).hexdigest()


def group_name(app: str, branch: str) -> str:
    """At most 32 letters, digits and single dashes."""
    return f"{GROUP}{app[:14].strip('-')}-{_digest(app, branch)[:8]}".replace("--", "-")


def is_group(name: str) -> bool:
    """Whether a target group of this name is a preview's, as far as a name can tell."""
    return bool(re.fullmatch(rf"{GROUP}[a-z0-9-]+-[0-9a-f]{{8}}", name))


def slug(branch: str) -> str:
    """Its letters and digits, in lower case, with single dashes between; empty if it has none."""
    plain = unicodedata.normalize("NFKD", branch).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def host_for(template: Template, app: str, branch: str, taken: Collection[str]) -> str:
    """The host name of a branch's preview. `taken` are those of others, patterns among them. One
    that is taken, too long or empty gets some letters more, which are the branch's alone."""
    around = template.host.replace(BRANCH, "")
    room = min(MOST_LABEL - len(around.split(".")[0]), MOST_HOST - len(around))
    short, digest = slug(branch), _digest(app, branch)[:6]
    if short and len(short) <= room:
        host = template.host.replace(BRANCH, short)
        if host not in taken:
            return host
    cut = short[: room - len(digest) - 1].rstrip("-")
    return template.host.replace(BRANCH, f"{cut}-{digest}" if cut else digest)


class Wanted(Noun):
    """A preview that a run wants: `release` is what its run makes. `own` are the company's tags."""

    app: str
    branch: str
    release: str
    run: str
    own: dict[str, str] = {}  # noqa: RUF012 - pydantic copies defaults

    @property
    def group(self) -> str:
        return group_name(self.app, self.branch)

    def claim(self, now: datetime, hours: int) -> t.Tags:
        """What it writes to have the preview kept, and its run waited for."""
        lease = Lease(release=self.release, run=self.run, ticket=now, until=now + CLAIM)
        until = text_of(now + timedelta(hours=hours))
        return {t.PREVIEW_UNTIL: until, lease.key: lease.to_tag()}

    def tags(self, host: str, now: datetime, hours: int) -> t.Tags:
        """All that its target group carries from the moment it exists."""
        return {
            **self.own,
            "Name": self.group,
            t.APP: self.app,
            t.RELEASE: self.release,
            t.RUN: self.run,
            t.PREVIEW: _in_tag(self.branch),
            t.PREVIEW_MADE: f"{text_of(now)} {host}",
            **self.claim(now, hours),
        }


class Preview(Noun):
    """A preview that is there. `until` is when it goes unless it is pushed to, `made` since when it
    is there, both in AWS's time; `removed`: its removal has begun. `release` is what made it."""

    arn: str
    name: str
    app: str
    branch: str
    host: str
    release: str
    made: datetime
    until: datetime
    removed: bool = False
    leases: tuple[Lease, ...] = ()

    @classmethod
    def from_tags(cls, arn: str, tags: Mapping[str, str]) -> Self | None:
        """None for what is none of ours: tags may be copied, so the name must be the one that they
        lead to; or for what cannot be read."""
        name, app = arn.split("/")[1], tags.get(t.APP, "")
        branch = _of_tag(tags.get(t.PREVIEW, ""))
        made, _, host = tags.get(t.PREVIEW_MADE, "").partition(" ")
        since, until = moment_of(made), moment_of(tags.get(t.PREVIEW_UNTIL, ""))
        if not (branch and host and since and until) or name != group_name(app, branch):
            return None
        return cls(
            arn=arn,
            name=name,
            app=app,
            branch=branch,
            host=host,
            release=tags.get(t.RELEASE, ""),
            made=since,
            until=until,
            removed=t.PREVIEW_REMOVED in tags,
            leases=tuple(from_tags(tags)),
        )

    def __str__(self) -> str:
        return f"preview of branch {self.branch} of {self.app} ({self.host})"


def why_gone(
    preview: Preview, fleets: Iterable[Fleet], living: Collection[str], now: datetime
) -> str:
    """Why nobody owns it; empty if it stays. `living` are the releases that live."""
    if any(one.release in living for one in preview.leases):
        return ""
    if preview.removed:
        return "its removal was not finished"
    if preview.until <= now:
        return f"nothing was pushed to branch {preview.branch} for its `preview.hours`"
    serves = (x.has_served and not x.gone for x in fleets if preview.arn in x.target_groups)
    return "" if any(serves) else "nothing serves there, and nobody releases to it"


def outlived(image: Image, now: datetime) -> bool:
    """Whether its preview went more than `IMAGE_STAYS` ago, and nothing else has served with it."""
    gone = moment_of(image.tags.get(t.PREVIEW_REMOVED, ""))
    return gone is not None and len(image.served) == 1 and gone + IMAGE_STAYS <= now


def require_room(app: str, others: Iterable[Preview], most: int, own: Preview | None) -> None:
    """Of two that are made at the same moment, the younger one gives way, if that is too many.
    `own`: None if it is not there yet.

    Raises:
        InputError: there are as many as there may be.
    """
    there = [one for one in others if one.app == app and not one.removed]
    if own:
        there = [one for one in there if (one.made, one.name) < (own.made, own.name)]
    if len(there) >= most:
        branches = ", ".join(sorted(one.branch for one in there))
        raise InputError(
            f"{app} has {len(there)} previews, and may have {most} (`preview.most`): {branches}. "
            "Delete a branch, or `spotkiln preview remove BRANCH`, and push again"
        )


def taken_hosts(hosts: Iterable[str], others: Iterable[Preview], name: str) -> set[str]:
    """Host names that are not free for the target group of this name: those of rules, and of
    previews whose rule may not be there yet."""
    return {*hosts, *(one.host for one in others if one.name != name)}
