"""The account's stack: planned, made, looked at."""

import json
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

from botocore.exceptions import ClientError

from spotkiln.account.choice import said, settled
from spotkiln.account.parameters import LINKED, PARAMETERS
from spotkiln.account.plan import Change, Plan, Step, linked, outputs_of
from spotkiln.account.roles import WORKER
from spotkiln.account.template import template
from spotkiln.aws.account.networks import networks
from spotkiln.aws.errors import AwsError, aws_errors, code_of, is_not_found
from spotkiln.aws.release.rights import every
from spotkiln.aws.session import Aws, client_of
from spotkiln.errors import InfrastructureError, InputError
from spotkiln.poll import Clock, Done, Waiting, poll

PLAN_SECONDS, APPLY_SECONDS = 300.0, 1800.0
# A change set of a stack that is not there yet leaves such a one.
EMPTY = "REVIEW_IN_PROGRESS"
# One that could not be made holds nothing, and CloudFormation changes it no more.
UNMADE = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED")
NOTHING = ("didn't contain changes", "No updates are to be performed")
Say = Callable[[str], None]


def find(aws: Aws, name: str) -> dict[str, Any] | None:
    """Source: CloudFormation DescribeStacks. None if it is not there."""
    try:
        found = client_of(aws, "cloudformation").describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        with aws_errors(f"stack {name}"):
            raise
    return dict(found[0]) if found else None


def outputs(aws: Aws, name: str) -> dict[str, str]:
    """Raises InputError: there is no such stack, or it is not complete."""
    stack = find(aws, name)
    if stack is None or stack["StackStatus"] == EMPTY:
        raise InputError(f"no stack {name} in {aws.region}: `spotkiln account apply` makes it")
    if not stack["StackStatus"].endswith("_COMPLETE") or "ROLLBACK" in stack["StackStatus"]:
        raise InputError(f"stack {name} is {stack['StackStatus']}: CloudFormation's page says why")
    return outputs_of(stack)


def plan(aws: Aws, name: str, given: Mapping[str, str], clock: Clock) -> Plan:
    """A change set, which changes nothing by itself. What is not given stays as it is.

    Raises:
        InputError: the template, or what was given, is refused, or the stack could not be made.
    """
    cfn, stack = client_of(aws, "cloudformation"), find(aws, name)
    if stack and stack["StackStatus"] in UNMADE:
        raise InputError(
            f"stack {name} is {stack['StackStatus']}: it could not be made, and CloudFormation "
            "changes it no more. `spotkiln account apply` takes it away, and makes it anew"
        )
    new = stack is None or stack["StackStatus"] == EMPTY
    former = {} if new or stack is None else _parameters(stack)
    wanted = {**former, **_linked(aws, former), **given}
    if not said(wanted):
        wanted = settled(wanted, networks(aws), aws.region)
    if new:
        wanted = _beside(aws, wanted)
    parameters = [{"ParameterKey": key, "ParameterValue": value} for key, value in wanted.items()]
    with aws_errors(f"planning stack {name}"):
        made = cfn.create_change_set(
            StackName=name,
            ChangeSetName=f"spotkiln-{uuid4().hex[:12]}",
            ChangeSetType="CREATE" if new else "UPDATE",
            TemplateBody=json.dumps(template(every())),
            Parameters=parameters,
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )["Id"]

    def ready() -> Done[dict[str, Any]] | Waiting:
        with aws_errors(f"change set of {name}"):
            found = cfn.describe_change_set(ChangeSetName=made, StackName=name)
        if found["Status"] in ("CREATE_PENDING", "CREATE_IN_PROGRESS"):
            return Waiting(found["Status"])
        return Done(found)

    what = f"the plan of stack {name}"
    found = poll(ready, what=what, deadline_seconds=PLAN_SECONDS, clock=clock)
    reason = str(found.get("StatusReason") or "")
    if found["Status"] == "FAILED" and not any(one in reason for one in NOTHING):
        raise InputError(f"CloudFormation refuses the plan of stack {name}: {reason}")
    changes = tuple(_change(one["ResourceChange"]) for one in found.get("Changes", []))
    return Plan(stack=name, new=new, changes=changes, change_set=made)


def forget(aws: Aws, planned: Plan) -> None:
    """A plan that nobody carries out; with it an empty stack that it has left."""
    cfn = client_of(aws, "cloudformation")
    with aws_errors(f"change set of {planned.stack}"):
        if planned.new:
            cfn.delete_stack(StackName=planned.stack)
        else:
            cfn.delete_change_set(ChangeSetName=planned.change_set, StackName=planned.stack)


def apply(aws: Aws, planned: Plan, clock: Clock, say: Say) -> dict[str, str]:
    """Carry a plan out and wait for its end, telling each step; the outputs.

    Raises:
        InfrastructureError: CloudFormation has undone it; the message has its reasons.
    """
    cfn, seen = client_of(aws, "cloudformation"), _seen(aws, planned.stack)
    with aws_errors(f"changing stack {planned.stack}"):
        cfn.execute_change_set(ChangeSetName=planned.change_set, StackName=planned.stack)
    failed: list[str] = []

    def ended() -> Done[str] | Waiting:
        for step in _steps(aws, planned.stack):
            if step.id not in seen:
                seen.add(step.id)
                say(str(step))
                if step.failed:
                    failed.append(str(step))
        stack = find(aws, planned.stack)
        status = str(stack["StackStatus"]) if stack else "DELETED"
        return Waiting(status) if status.endswith(("IN_PROGRESS", EMPTY)) else Done(status)

    what = f"stack {planned.stack}"
    status = poll(ended, what=what, deadline_seconds=APPLY_SECONDS, clock=clock)
    if "ROLLBACK" in status or status.endswith("FAILED"):
        raise InfrastructureError(f"stack {planned.stack} is {status}: {'; '.join(failed)}")
    return outputs(aws, planned.stack)


def clear_unmade(aws: Aws, name: str, clock: Clock) -> None:
    """A stack that could not be made is in the way of the next: it is taken away. Others stay."""
    stack = find(aws, name)
    if stack is None or stack["StackStatus"] not in UNMADE:
        return
    with aws_errors(f"taking away stack {name}, which could not be made"):
        client_of(aws, "cloudformation").delete_stack(StackName=name)

    def gone() -> Done[None] | Waiting:
        left = find(aws, name)
        return Waiting(left["StackStatus"]) if left else Done(None)

    what = f"the end of stack {name}, which could not be made"
    poll(gone, what=what, deadline_seconds=APPLY_SECONDS, clock=clock)


def _beside(aws: Aws, wanted: Mapping[str, str]) -> dict[str, str]:
    """A new stack beside roles that are there. Names are unique: CloudFormation would undo it all.

    Raises:
        InputError: the worker's role is there, and is asked for.
    """
    role = str(wanted.get("FleetRoleName") or PARAMETERS["FleetRoleName"]["Default"])
    found = {"NewFleetRole": "no"} if _is_role(aws, role) else {}
    if wanted.get("Worker", "yes") == "yes" and _is_role(aws, WORKER):
        raise InputError(
            f"role {WORKER} is there already, as another stack makes it: --set Worker=no if the "
            "worker has its rights to this region, --set Worker=rights if that stack is another "
            "region's"
        )
    return {**found, **wanted}


def _parameters(stack: Mapping[str, Any]) -> dict[str, str]:
    return {one["ParameterKey"]: one["ParameterValue"] for one in stack.get("Parameters", [])}


def _linked(aws: Aws, former: Mapping[str, str]) -> dict[str, str]:
    """Service-linked roles are one an account: what is there already cannot be made."""
    wanted = linked({role: _is_role(aws, role) for role in LINKED.values()})
    return {name: "yes" if former.get(name) == "yes" else value for name, value in wanted.items()}


def _is_role(aws: Aws, name: str) -> bool:
    try:
        aws.iam.get_role(RoleName=name)
    except ClientError as error:
        if is_not_found(error):
            return False
        with aws_errors(f"role {name}"):
            raise
    return True


def _change(one: Mapping[str, Any]) -> Change:
    return Change(
        action=one["Action"],
        kind=one["ResourceType"],
        name=one["LogicalResourceId"],
        replaces=one.get("Replacement") == "True",
    )


def _steps(aws: Aws, name: str) -> list[Step]:
    """Oldest first. Source: CloudFormation DescribeStackEvents."""
    try:
        pages = (
            client_of(aws, "cloudformation")
            .get_paginator("describe_stack_events")
            .paginate(StackName=name)
        )
        found = [one for page in pages for one in page["StackEvents"]]
    except ClientError as error:
        if code_of(error) == "ValidationError":
            return []
        with aws_errors(f"stack {name}"):
            raise
    return [
        Step(
            id=one["EventId"],
            name=one.get("LogicalResourceId", ""),
            status=one.get("ResourceStatus", ""),
            reason=one.get("ResourceStatusReason") or "",
        )
        for one in reversed(found)
    ]


def _seen(aws: Aws, name: str) -> set[str]:
    """What happened before is told no more."""
    try:
        return {step.id for step in _steps(aws, name)}
    except AwsError:
        return set()
