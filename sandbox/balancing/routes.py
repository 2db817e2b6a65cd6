"""What a load balancer has to know of what is behind its listener."""

import time
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import formatdate
from fnmatch import fnmatchcase
from typing import Literal

TargetStateName = Literal["initial", "healthy", "unhealthy", "draining", "unused"]


@dataclass(frozen=True)
class TargetRoute:
    """One registered target of the group behind a listener. `address` is where this host reaches
    it, or None if it cannot be reached now; `group` is the group's name."""

    instance_id: str
    port: int
    state: TargetStateName
    address: tuple[str, int] | None
    group: str = ""


@dataclass(frozen=True)
class Share:
    """A target group to which a rule forwards, by its name, with its weight."""

    group: str
    targets: Sequence[TargetRoute]
    weight: int = 1


@dataclass(frozen=True)
class FixedResponse:
    """What a rule answers by itself."""

    status: int
    content_type: str = "text/plain"
    body: str = ""


@dataclass(frozen=True)
class Rule:
    """A rule of a listener. `hosts` and `paths` are patterns with * and ?, one of each has to fit;
    None: any. With an `answer` it forwards nothing. `sticky_seconds`: how long a visitor stays with
    a target group; None: the weights alone decide."""

    shares: tuple[Share, ...] = ()
    hosts: tuple[str, ...] | None = None
    paths: tuple[str, ...] | None = None
    answer: FixedResponse | None = None
    sticky_seconds: int | None = None

    def fits(self, host: str, path: str) -> bool:
        """`host` is the Host header; its port does not count, nor does the case of its letters."""
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
        return _fits(self.hosts, name.lower()) and _fits(self.paths, path)


def _fits(patterns: tuple[str, ...] | None, text: str) -> bool:
    # In fnmatch a bracket would begin a set of characters; to a load balancer it is a bracket.
    return patterns is None or any(fnmatchcase(text, one.replace("[", "[[]")) for one in patterns)


def rule_for(rules: Sequence[Rule], host: str, path: str) -> Rule | None:
    """The first that fits; None if none does."""
    return next((one for one in rules if one.fits(host, path)), None)


# Steps of this part of a whole never come close to a place where one was just before.
_STEP = 0.6180339887


def share_for(shares: Sequence[Share], turn: int) -> Share | None:
    """The target group of the turn-th request: as often as its weight says, and spread out. None if
    no weight is above 0."""
    total = sum(one.weight for one in shares)
    point = (turn * _STEP % 1) * total
    for one in shares:
        if point < one.weight:
            return one
        point -= one.weight
    return next((one for one in shares if one.weight), None)


# Says which target group a visitor stays with, and until when; the second is for requests from
# pages of other sites. AWS's are encrypted.
COOKIE, CORS_COOKIE = "AWSALBTG", "AWSALBTGCORS"
# A browser keeps it for seven days, whatever the rule says: the load balancer knows when it ends.
_KEPT_SECONDS = 7 * 86400


def kept_with(rule: Rule, cookie: str, now: float) -> Share | None:
    """The target group that the cookie names, until its time is over and as long as the rule names
    it too: also at weight 0, and without a healthy target. At AWS stickiness comes before the
    weights; without it the cookie counts for nothing."""
    if rule.sticky_seconds is None:
        return None
    group, ends = _read(cookie)
    return next((one for one in rule.shares if one.group == group and now < ends), None)


def cookies(rule: Rule, group: str, now: float) -> list[str]:
    """What keeps a visitor with the group, as Set-Cookie has it; sent with each answer, so the time
    begins anew."""
    if rule.sticky_seconds is None:
        return []
    value = b64encode(f"{now + rule.sticky_seconds:.3f} {group}".encode()).decode()
    kept = formatdate(time.time() + _KEPT_SECONDS, usegmt=True)
    life = f"Expires={kept}; Path=/"
    return [f"{COOKIE}={value}; {life}", f"{CORS_COOKIE}={value}; {life}; SameSite=None"]


def _read(cookie: str) -> tuple[str, float]:
    """The group, and when its time ends; nothing of what is no cookie of this load balancer."""
    try:
        ends, _, group = b64decode(cookie, validate=True).decode().partition(" ")
        return group, float(ends)
    except ValueError:
        return "", 0.0
