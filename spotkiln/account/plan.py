"""What a stack would change, and how it goes."""

from collections.abc import Mapping, Sequence
from typing import Any

from spotkiln.account.parameters import LINKED, PARAMETERS
from spotkiln.errors import InputError
from spotkiln.noun import Noun
from spotkiln.release.key_statements import OWN_KEYS
from spotkiln.statement import ADOPTION


class Change(Noun):
    """`action` is CloudFormation's word: Add, Modify, Remove. `replaces`: what is there goes;
    `may_replace`: that depends on what becomes of another one."""

    action: str
    kind: str
    name: str
    replaces: bool = False
    may_replace: bool = False

    def __str__(self) -> str:
        again = ", which may be made anew" if self.may_replace else ""
        again = ", which is made anew" if self.replaces else again
        return f"{self.action.lower()} {self.name} ({self.kind}){again}"


class Plan(Noun):
    """`new`: there is no stack yet. No changes: nothing is to be done. `keeps`: the weights of its
    rules, which stay as the last release has left them."""

    stack: str
    new: bool
    changes: tuple[Change, ...]
    change_set: str = ""
    keeps: str = ""

    @property
    def lines(self) -> list[str]:
        if not self.changes:
            return [f"stack {self.stack}: nothing to change"]
        head = f"stack {self.stack} {'would be made' if self.new else 'would change'}:"
        stays = [f"  requests go on where they go now: {self.keeps}"] if self.keeps else []
        return [head, *(f"  {one}" for one in self.changes), *stays]


class Step(Noun):
    """Something that happened to a stack, in CloudFormation's words."""

    id: str
    name: str
    status: str
    reason: str = ""

    @property
    def failed(self) -> bool:
        return self.status.endswith("FAILED")

    def __str__(self) -> str:
        return f"{self.name}: {self.status}{f' ({self.reason})' if self.reason else ''}"


def first_failure(steps: Sequence[Step], stack: str) -> str:
    """What failed first in the last change of a stack, of all its steps, oldest first. What fails
    afterwards does so as a consequence."""
    began = [
        number
        for number, one in enumerate(steps)
        if one.name == stack
        and one.status in ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS")
    ]
    last = steps[began[-1] :] if began else steps
    return next((str(one) for one in last if one.failed), "CloudFormation tells no reason")


def given(pairs: Sequence[str]) -> dict[str, str]:
    """Parameters as a person types them, NAME=VALUE.

    Raises:
        InputError: one is not of that form, or the template has no such parameter.
    """
    found = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or name not in PARAMETERS:
            raise InputError(
                f"expected NAME=VALUE with a parameter of the template, got {pair!r}; there are "
                f"{', '.join(PARAMETERS)}"
            )
        found[name] = value
    return found


def linked(present: Mapping[str, bool]) -> dict[str, str]:
    """Which service-linked roles a stack makes: those that are not there, by their names."""
    return {name: "no" if present[role] else "yes" for name, role in LINKED.items()}


def infra(outputs: Mapping[str, str]) -> str:
    """What a deployment says to use them, as a part of prefect.yaml."""
    further = ", ".join(also_behind(outputs))
    lines = [
        "infra:",
        f"  target_group: {outputs['TargetGroup']}",
        *([f"  also_behind: [{further}]"] if further else []),
        f"  security_groups: [{outputs['SecurityGroups']}]",
        f"  fleet_role: {outputs['FleetRole']}",
        f"  instance_profile: {outputs['InstanceProfile']}",
        '  key_pair: ""',
        "fleet:",
        "  launcher: auto-scaling",
        # A release is refused where nothing is below it.
        "# Once there are parameters below it:",
        "# configuration:",
        f"#   parameters: [{outputs['ParameterPath']}]",
        *([f"# The load balancer: {outputs['Address']}"] if "Address" in outputs else []),
    ]
    return "\n".join(lines)


def also_behind(outputs: Mapping[str, str]) -> tuple[str, ...]:
    """The names of the further target groups."""
    return tuple(one for one in outputs.get("AlsoBehind", "").split(",") if one)


def outputs_of(stack: Mapping[str, Any]) -> dict[str, str]:
    """Source: CloudFormation DescribeStacks."""
    return {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", [])}


def parameters_of(stack: Mapping[str, Any]) -> dict[str, str]:
    """Source: CloudFormation DescribeStacks."""
    return {one["ParameterKey"]: one["ParameterValue"] for one in stack.get("Parameters", [])}


class Requested(Noun):
    """What a stack's parameters give the worker that it has not unasked: parts of its rights, and
    the ARNs of the KMS keys that one of them is about."""

    parts: tuple[str, ...] = ()
    disk_keys: tuple[str, ...] = ()

    @classmethod
    def of(cls, parameters: Mapping[str, str]) -> "Requested":
        """A stack of an earlier version may not have all of them."""
        keys = tuple(one for one in parameters.get("DiskKeys", "").split(",") if one)
        asked = {ADOPTION: parameters.get("Adopt") == "yes", OWN_KEYS: bool(keys)}
        return cls(parts=tuple(part for part, yes in asked.items() if yes), disk_keys=keys)
