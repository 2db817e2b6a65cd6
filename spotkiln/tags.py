"""AWS's tags are the journal: what each of our resources carries, and how it is read back.

Limits are EC2's: keys up to 128 characters, values up to 256, 50 tags a resource.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, TypedDict

from pydantic import AfterValidator

PREFIX = "spotkiln:"
MOST_CHARACTERS = 256
APP = f"{PREFIX}app"
RELEASE = f"{PREFIX}release"
RUN = f"{PREFIX}run"
COMMIT = f"{PREFIX}commit"
# The name of the target group that the release is for.
TARGET_GROUP = f"{PREFIX}target-group"

# Images only.
RECIPE = f"{PREFIX}recipe"
INPUTS = f"{PREFIX}inputs"
# The names of the settings that must be there; left out where one tag has no room for them.
CONFIG = f"{PREFIX}config"
# The folders that its servers mount, left out likewise.
MOUNTS = f"{PREFIX}mounts"
# From the migration's end until it serves, at most.
SERVING_SECONDS = f"{PREFIX}serving-seconds"
# Which migrations it has; where one tag has no room for them, others follow by number.
MIGRATIONS = f"{PREFIX}migrations"
# On which machine it was baked, and what that cost: where Spot is asked for.
BAKED_ON = f"{PREFIX}baked-on"
STATE = f"{PREFIX}state"
RELEASED = f"{PREFIX}released"
# An image that somebody wants to keep: nothing of ours discards it.
KEEP = f"{PREFIX}keep"
# Which target group it served, from when to when: the group's name follows.
SERVED = f"{PREFIX}served/"
# The accounts that may use it as long as it is a version of a target group, whose name follows.
SHARED = f"{PREFIX}shared/"
# Another account or region copies it just now: since when, and which release. Both follow.
COPYING = f"{PREFIX}copying/"
# Of a copy that a release has made: the region and the id of what it was copied from.
COPIED_FROM = f"{PREFIX}copied-from"
# A verdict blamed it after it had been released: when, where and why.
SUSPECT = f"{PREFIX}suspect"

# On a target group: which application leaves it for good, since when, and by which run.
TAKEDOWN = f"{PREFIX}takedown"

# On the first target group of a pair: what the weights were before a release changed them. Its id
# follows.
WEIGHTS = f"{PREFIX}weights-before/"

# On the target group of a preview: its branch, when it was made and its host name, until when it
# stays unless it is pushed to, and that its removal has begun.
PREVIEW = f"{PREFIX}preview"
PREVIEW_MADE = f"{PREFIX}preview-made"
PREVIEW_UNTIL = f"{PREFIX}preview-until"
# Also on an image that only this preview has served: when it had gone.
PREVIEW_REMOVED = f"{PREFIX}preview-removed"

# What could not be cleared away: since when, last tried when, and why.
PUT_OFF = f"{PREFIX}put-off"

# Base images only: the name of their line, and what they hold.
BASE = f"{PREFIX}base"
FINGERPRINT = f"{PREFIX}fingerprint"
# The user that a machine of it lets in by SSH. What interpreters it has stands in tags of their
# own names (spotkiln/bake/interpreter.py).
LOGIN = f"{PREFIX}login"
# The services that tests of an application on it may have (spotkiln/bake/services.py).
SERVICES = f"{PREFIX}services"

# Layers only: the name of the application whose dependencies they hold.
LAYER = f"{PREFIX}layer"
# Images of applications: which layer has their dependencies, whether or not it was there; with
# `failed` behind it if it could not be baked.
FROM_LAYER = f"{PREFIX}from-layer"

# Fleets only.
PHASE = f"{PREFIX}phase"
IMAGE = f"{PREFIX}image"
# Of one with servers of two architectures: the id of the second image.
TWIN = f"{PREFIX}twin"
SETTINGS = f"{PREFIX}settings"
# How many instances the deployment asked for: another target capacity is somebody's scaling.
CAPACITY = f"{PREFIX}capacity"
# Whether AWS scales it, or a release has suspended that: which one, and what of it.
SCALING = f"{PREFIX}scaling"
# When it was promoted, by AWS's clock.
PROMOTED = f"{PREFIX}promoted"
# Of one whose servers are in the second target group of a pair: the first one's ARN, by which the
# release is known everywhere else.
PAIR = f"{PREFIX}pair"
# Of one whose servers are in further target groups: the names of these, with blanks between them.
ALSO_BEHIND = f"{PREFIX}also-behind"
# Of one whose servers come in batches: how many there are after each.
BATCHES = f"{PREFIX}batches"
# What a person asked of a release while it hands requests over.
STEER = f"{PREFIX}steer"
# The commits that a rollback left: they are not released again unasked.
HELD = f"{PREFIX}held"

# Instances: what it was launched for.
ROLE = f"{PREFIX}role"

# A fleet that was not ours: the release that retires it.
ADOPTED = f"{PREFIX}adopted"

# Instances of a fleet: when it was first seen unhealthy, by AWS's clock, while it is.
UNHEALTHY_SINCE = f"{PREFIX}unhealthy-since"
# Instances of a fleet: the ARNs of the target groups that a machine must leave before its end, with
# blanks between them (where one tag has no room for them, others follow by number), and `on` if
# another is launched at the recommendation to rebalance. A machine reads them from its metadata.
TARGET_GROUP_ARN = f"{PREFIX}target-group-arn"
REBALANCE = f"{PREFIX}capacity-rebalance"

Tags = dict[str, str]

# Of a company's own, beside ours: a resource takes 50 in all.
MOST_OWN = 20
_MOST_KEY = 128
# What all services take: Elastic Load Balancing takes the fewest in a value.
_TAKEN = re.compile(r"[\w\s+=.:/@-]*")
# What instance metadata can show, in which a server reads its tags: EC2 launches none that has a
# tag of another key.
_SHOWN = re.compile(r"[A-Za-z0-9+\-=.,_:@]+")
_NOT_SHOWN = (".", "..", "_index")
SHOWN_IN_WORDS = "letters a to z, digits and + - = . , _ : @, and not . or .. or _index alone"


def shown(key: str) -> bool:
    """Whether instance metadata can show a tag of this key."""
    return _SHOWN.fullmatch(key) is not None and key not in _NOT_SHOWN


def why_not(own: Mapping[str, str]) -> str:
    """Why a company's own tags cannot be given to what is made; empty if they can."""
    if len(own) > MOST_OWN:
        return f"expected at most {MOST_OWN} tags of your own, got {len(own)}"
    for key, value in own.items():
        if key.lower().startswith((PREFIX, "aws:")) or key == "Name":
            return f"the tag {key!r} is not yours to set: Spotkiln or AWS sets it; choose another"
        if not 1 <= len(key) <= _MOST_KEY or len(value) > MOST_CHARACTERS:
            return (
                f"the tag {key!r} is too long, or empty: a key has 1 to {_MOST_KEY} characters, a "
                f"value at most {MOST_CHARACTERS}"
            )
        if not shown(key) or not _TAKEN.fullmatch(key):
            return (
                f"the tag {key!r}: expected a key of letters a to z, digits and + - = . _ : @, and "
                "not . or .. or _index alone: EC2 launches no server with a tag that its metadata "
                "cannot show; choose another"
            )
        if not _TAKEN.fullmatch(value):
            return (
                f"the tag {key!r} with {value!r}: expected letters, digits, blanks and + - = . _ : "
                "/ @ in the value, which is what all of AWS's services take"
            )
    return ""


def _given(own: Tags) -> Tags:
    if why := why_not(own):
        raise ValueError(why)
    return own


# In what a person fills in.
OwnTags = Annotated[Tags, AfterValidator(_given)]


def release_tags(
    *,
    app: str,
    release: str,
    run: str,
    commit: str,
    target_group: str,
    own: Mapping[str, str] | None = None,
) -> Tags:
    """What everything carries from the moment it exists; `own` are the company's."""
    return {
        **(own or {}),
        "Name": app,
        APP: app,
        RELEASE: release,
        RUN: run,
        COMMIT: commit,
        TARGET_GROUP: target_group,
    }


class AwsTag(TypedDict, total=False):
    """As EC2's and ELB's models have it; both names are always there."""

    Key: str
    Value: str


def leaving(arns: Iterable[str]) -> Tags:
    """The tags by which a machine knows what it must leave: as many ARNs in each as it takes."""
    lines: list[str] = []
    for arn in arns:
        if lines and len(lines[-1]) + 1 + len(arn) <= MOST_CHARACTERS:
            lines[-1] = f"{lines[-1]} {arn}"
        else:
            lines.append(arn)
    names = (TARGET_GROUP_ARN, *(f"{TARGET_GROUP_ARN}-{n}" for n in range(2, len(lines) + 1)))
    return dict(zip(names, lines, strict=False))


def to_aws(tags: Mapping[str, str]) -> list[AwsTag]:
    """EC2's list of Key and Value, sorted so that equal tags make equal requests."""
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


def from_aws(tags: Iterable[AwsTag] | None) -> Tags:
    return {tag["Key"]: tag["Value"] for tag in tags or ()}
