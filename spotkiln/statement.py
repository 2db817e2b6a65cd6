"""A right in IAM: what may be done, on what, under which condition, and what for.

All rights are data: the table in docs/aws.md, the policies that `spotkiln account apply` makes and
what `spotkiln doctor` asks IAM about are made from the same lists (spotkiln/release/statements.py
and those beside it, and each launcher's own).
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import Field

from spotkiln import tags as t
from spotkiln.noun import Noun

Condition = dict[str, dict[str, str | tuple[str, ...]]]

# By the release's tag: of what is made, and of what is there. AWS judges `CreateTags` for tags that
# come with a creation as well.
NEW: Condition = {"StringLike": {f"aws:RequestTag/{t.RELEASE}": "?*"}}
OURS: Condition = {"StringLike": {f"aws:ResourceTag/{t.RELEASE}": "?*"}}
EC2 = "arn:{partition}:ec2:{region}:{account}"
# Images and snapshots have no account in their ARNs.
IMAGES = "arn:{partition}:ec2:{region}::image/*"
SNAPSHOTS = "arn:{partition}:ec2:{region}::snapshot/*"
INSTANCES, VOLUMES = f"{EC2}:instance/*", f"{EC2}:volume/*"
GROUPS, TEMPLATES = f"{EC2}:security-group/*", f"{EC2}:launch-template/*"
INTERFACES, REQUESTS = f"{EC2}:network-interface/*", f"{EC2}:spot-instances-request/*"
KEYS, SUBNETS = f"{EC2}:key-pair/*", f"{EC2}:subnet/*"
BALANCING = "arn:{partition}:elasticloadbalancing:{region}:{account}"
TARGET_GROUPS = f"{BALANCING}:targetgroup/{{target_groups}}/*"
ANY = ("*",)


def handed_to(service: str) -> Condition:
    """Of a role: to this service alone (`ec2`). In China its name has another end; AWS's own
    policies name both, too."""
    names = (f"{service}.amazonaws.com", f"{service}.amazonaws.com.cn")
    return {"StringEquals": {"iam:PassedToService": names}}


# Of a managed policy, by IAM's quotas.
MOST_CHARACTERS = 6144
# A part that may be left out, as all of them: retiring fleets that are not ours.
ADOPTION = "adoption"
# By the tag that an adopted fleet carries before its retirement begins: on what is there, and as
# it is given.
ADOPTED: Condition = {"StringLike": {f"aws:ResourceTag/{t.ADOPTED}": "?*"}}
ADOPTING: Condition = {"StringLike": {f"aws:RequestTag/{t.ADOPTED}": "?*"}}
# And: fleets of Spot Fleet's that AWS scales.
SCALING = "scaling"


def new_by(*creations: str) -> Condition:
    """Of tags that come with one of these creations."""
    return {**NEW, "StringEquals": {"ec2:CreateAction": creations}}


class Statement(Noun):
    """`task` needs it, `why` says for what. `part`: what a company may leave out; empty for what
    every release needs. `resources` are patterns of ARNs with names in braces, which stand for one
    or several values each (`Fill`)."""

    sid: str = Field(pattern=r"^[A-Za-z0-9]+$")
    task: str
    why: str
    actions: tuple[str, ...]
    resources: tuple[str, ...] = ANY
    condition: Condition = {}  # noqa: RUF012 - pydantic copies defaults
    part: str = ""

    @property
    def looks(self) -> bool:
        """Whether it changes nothing, and nothing is made with it."""
        return all(one.partition(":")[2].startswith("Describe") for one in self.actions)

    def filled(self, fill: "Fill") -> list[str]:
        """The ARNs, each name replaced by each of its values."""
        return _filled(self.resources, fill)

    def filled_condition(self, fill: "Fill") -> dict[str, dict[str, str | list[str]]]:
        """The condition, with names replaced likewise; one value stays a text."""

        def each(value: str | tuple[str, ...]) -> str | list[str]:
            if isinstance(value, tuple):
                return _filled(value, fill)
            found = _filled((value,), fill)
            return found[0] if len(found) == 1 else found

        return {
            operator: {key: each(value) for key, value in keys.items()}
            for operator, keys in self.condition.items()
        }

    def to_policy(self, fill: "Fill") -> dict[str, Any]:
        """In IAM's form."""
        found = {
            "Sid": self.sid,
            "Effect": "Allow",
            "Action": list(self.actions),
            "Resource": self.filled(fill),
        }
        condition = self.filled_condition(fill)
        return {**found, "Condition": condition} if condition else found


# What the names in braces stand for: partition, region, account, target_groups, fleet_role,
# server_roles, secrets ...
Fill = Mapping[str, tuple[str, ...]]


def _filled(texts: Iterable[str], fill: Fill) -> list[str]:
    found = list(texts)
    for name, values in fill.items():
        wanted = f"{{{name}}}"
        found = [
            one.replace(wanted, value)
            for one in found
            for value in (values if wanted in one else ("",))
        ]
    return found


def policies(statements: Iterable[Statement], fill: Fill) -> list[dict[str, Any]]:
    """Documents of policies, as many as IAM's limit for each makes of them. A statement whose
    resources have no value is left out."""
    found: list[dict[str, Any]] = []
    for statement in statements:
        one = statement.to_policy(fill)
        if not one["Resource"]:
            continue
        if not found or size(_document([*found[-1]["Statement"], one])) > MOST_CHARACTERS:
            found.append(_document([]))
        found[-1]["Statement"].append(one)
    return found


def _document(statements: list[dict[str, Any]]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": statements}


def size(document: Mapping[str, Any]) -> int:
    """Characters, as IAM counts them: without white space."""
    return len(json.dumps(document, separators=(",", ":")))
