"""The account's stack: planned, made, looked at."""

import json
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

from botocore.exceptions import ClientError

from spotkiln.account.choice import said, settled
from spotkiln.account.parameters import LINKED, PARAMETERS
from spotkiln.account.plan import Change, Plan, linked, outputs_of, parameters_of
from spotkiln.account.refusals import require_kept, require_reachable
from spotkiln.account.roles import WORKER
from spotkiln.account.template import template
from spotkiln.aws.account.events import reason, seen, steps
from spotkiln.aws.account.networks import networks
from spotkiln.aws.account.weights import NOWHERE, present
from spotkiln.aws.errors import aws_errors, is_not_found
from spotkiln.aws.release.rights import every
from spotkiln.aws.session import Aws, client_of
from spotkiln.errors import InfrastructureError, InputError
from spotkiln.poll import Clock, Done, Waiting, poll

PLAN_SECONDS, APPLY_SECONDS = 300.0, 1800.0
# A change set of a stack that is not there yet leaves such a one.
EMPTY = "REVIEW_IN_PROGRESS"
# One that could not be made holds nothing, and CloudFormation changes it no more.
UNMADE = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED")
# It is as it should be: as it was asked for, or as it was before a change that failed.
MADE = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE")
UNDONE = ("UPDATE_ROLLBACK_COMPLETE", "IMPORT_ROLLBACK_COMPLETE")
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
    """Raises InputError: there is no such stack, or it is not whole."""
    return outputs_of(_whole(aws, name))


def parameters(aws: Aws, name: str) -> dict[str, str]:
    """Raises InputError: there is no such stack, or it is not whole."""
    return parameters_of(_whole(aws, name))


def undone(aws: Aws, name: str) -> str:
    """Why the last change of a stack was undone, if it was; empty: it was not.

    Raises:
        InputError: there is no such stack, or it is not whole.
    """
    return reason(aws, name) if _whole(aws, name)["StackStatus"] in UNDONE else ""


def _whole(aws: Aws, name: str) -> dict[str, Any]:
    stack = find(aws, name)
    if stack is None or stack["StackStatus"] == EMPTY:
        raise InputError(f"no stack {name} in {aws.region}: `spotkiln account apply` makes it")
    if stack["StackStatus"] not in MADE + UNDONE:
        raise InputError(_unfit(aws, stack, name))
    return stack


def _unfit(aws: Aws, stack: Mapping[str, Any], name: str) -> str:
    """What to do with a stack that is in no good state."""
    status = str(stack["StackStatus"])
    if status.endswith("IN_PROGRESS"):
        return f"stack {name} is {status}: it is being changed. Try again when that has ended"
    why = f"stack {name} is {status}: {reason(aws, name)}"
    if status in UNMADE:
        return (
            f"{why}. It could not be made, and CloudFormation changes it no more. Mend what it "
            "names: `spotkiln account apply` takes it away, and makes it anew"
        )
    if status == "UPDATE_ROLLBACK_FAILED":
        return (
            f"{why}. Mend what it names, then `aws cloudformation continue-update-rollback "
            f"--stack-name {name}`"
        )
    return f"{why}. Mend what it names, then `aws cloudformation delete-stack --stack-name {name}`"


def plan(aws: Aws, name: str, given: Mapping[str, str], clock: Clock) -> Plan:
    """A change set, which changes nothing by itself. What is not given stays as it is.

    Raises:
        InputError: the template, or what was given, is refused, the stack is in no state to be
            changed, a release is under way, or something that serves would be made anew.
    """
    cfn, stack = client_of(aws, "cloudformation"), find(aws, name)
    if stack and stack["StackStatus"] not in (EMPTY, *MADE, *UNDONE):
        raise InputError(_unfit(aws, stack, name))
    new = stack is None or stack["StackStatus"] == EMPTY
    former = {} if new or stack is None else parameters_of(stack)
    now = NOWHERE if new else present(aws, name)
    wanted = {**former, **_linked(aws, former), **now.parameters, **given}
    require_reachable(wanted)
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
    changes = tuple(_change(one["ResourceChange"]) for one in found.get("Changes", []))
    planned = Plan(stack=name, new=new, changes=changes, change_set=made, keeps=now.words)
    try:
        _require_ready(found, name)
        require_kept(name, changes)
    except InputError:
        forget(aws, planned)
        raise
    return planned


def _require_ready(change_set: Mapping[str, Any], name: str) -> None:
    status, why = change_set["Status"], str(change_set.get("StatusReason") or "")
    nothing = status == "FAILED" and any(one in why for one in NOTHING)
    if status != "CREATE_COMPLETE" and not nothing:
        raise InputError(
            f"CloudFormation refuses the plan of stack {name}: {why or f'it is {status}'}"
        )


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
    cfn, told = client_of(aws, "cloudformation"), seen(aws, planned.stack)
    with aws_errors(f"changing stack {planned.stack}"):
        cfn.execute_change_set(ChangeSetName=planned.change_set, StackName=planned.stack)
    failed, begun = list[str](), False

    def ended() -> Done[str] | Waiting:
        nonlocal begun
        # Before the steps: what is told as the end has had all of them.
        stack = find(aws, planned.stack)
        status = str(stack["StackStatus"]) if stack else "DELETED"
        for step in steps(aws, planned.stack):
            if step.id not in told:
                begun = True
                told.add(step.id)
                say(str(step))
                if step.failed:
                    failed.append(str(step))
        # Until something has happened the state is that of before.
        waits = status.endswith("IN_PROGRESS") or (stack is not None and not begun)
        return Waiting(status) if waits else Done(status)

    what = f"stack {planned.stack}"
    status = poll(ended, what=what, deadline_seconds=APPLY_SECONDS, clock=clock)
    if status not in MADE:
        why = "; ".join(failed) or "CloudFormation's page of it says why"
        raise InfrastructureError(f"stack {planned.stack} is {status}: {why}")
    return outputs(aws, planned.stack)


def clear_unmade(aws: Aws, name: str, clock: Clock) -> None:
    """A stack that could not be made is in the way of the next: it is taken away. Others stay.

    Raises:
        InfrastructureError: CloudFormation cannot take it away; the message has its reason.
    """
    stack = find(aws, name)
    if stack is None or stack["StackStatus"] not in UNMADE:
        return
    with aws_errors(f"taking away stack {name}, which could not be made"):
        client_of(aws, "cloudformation").delete_stack(StackName=name)

    def gone() -> Done[Mapping[str, Any] | None] | Waiting:
        left = find(aws, name)
        waits = left is not None and left["StackStatus"] in (*UNMADE, "DELETE_IN_PROGRESS")
        return Waiting(str(left["StackStatus"])) if left and waits else Done(left)

    what = f"the end of stack {name}, which could not be made"
    left = poll(gone, what=what, deadline_seconds=APPLY_SECONDS, clock=clock)
    if left is not None and left["StackStatus"] != "DELETE_COMPLETE":
        raise InfrastructureError(_unfit(aws, left, name))


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
        may_replace=one.get("Replacement") == "Conditional",
    )
