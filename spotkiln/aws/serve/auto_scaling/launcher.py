"""Auto Scaling as a launcher."""

from collections.abc import Iterable, Mapping, Sequence

from botocore.exceptions import ClientError

from spotkiln import tags as t
from spotkiln.aws.errors import AwsError, AwsMissing, aws_errors, code_of
from spotkiln.aws.serve import instance as instances
from spotkiln.aws.serve import launch_template as templates
from spotkiln.aws.serve.auto_scaling import history as histories
from spotkiln.aws.serve.auto_scaling import rights, scaling
from spotkiln.aws.serve.auto_scaling.answer import NAME, from_aws
from spotkiln.aws.serve.auto_scaling.request import (
    KIND,
    group_name,
    group_request,
    sizes,
    tags_of,
)
from spotkiln.aws.serve.balancing import require_label
from spotkiln.bake.infra import Infra
from spotkiln.bake.infra_names import InfraNames
from spotkiln.serve.fleet import Fleet, State
from spotkiln.serve.launcher import NONE, Note
from spotkiln.serve.order import Order
from spotkiln.serve.problem import Problem
from spotkiln.serve.spec import FleetSpec, LauncherKind
from spotkiln.statement import Statement
from spotkiln.target import Instance

# What Auto Scaling puts on all of its instances.
MEMBER = "aws:autoscaling:groupName"
# It is being deleted, or something else goes on: whoever deletes it looks again.
BUSY = {"ScalingActivityInProgress", "ResourceContention", "ResourceInUse"}


def _unknown(error: ClientError) -> bool:
    """Not seen yet, or not any more."""
    text = error.response.get("Error", {}).get("Message", "")
    return code_of(error) == "ValidationError" and "not found" in text


class AutoScaling(templates.WithTemplates):
    """See `spotkiln.serve.launcher.Launcher` for what each method promises."""

    name = NAME
    kind = LauncherKind.GROUP
    resource = KIND
    late_seconds = histories.LATE_SECONDS
    service_role = "aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"
    stop_call = "SuspendProcesses"
    statements = rights.STATEMENTS
    role_statements: tuple[Statement, ...] = ()

    def role(self, names: InfraNames) -> str:
        """None: AWS makes its service-linked role by itself."""
        del names
        return ""

    def check(self, infra: Infra, spec: FleetSpec) -> None:
        require_label(infra, spec)
        rights.check(self._aws, infra)

    def launch(self, order: Order, note: Note) -> Fleet:
        """Launch templates, the group, then its scaling. The group's name makes a repeated call
        one group."""
        made = templates.create_for(self._aws, order, note)
        name = group_name(order)
        fleet = self._create(order, made) or self._found(name, order.release)
        note(KIND, name)
        scaling.put(self._aws, order, name)
        return fleet

    def _create(self, order: Order, made: Sequence[str]) -> Fleet | None:
        """None: a group of that name is there."""
        try:
            self._aws.scaling.create_auto_scaling_group(**group_request(order, *made))
        except ClientError as error:
            if code_of(error) == "AlreadyExists":
                return None
            text = error.response.get("Error", {}).get("Message", "")
            if "does not exist" in text and any(template in text for template in made):
                # It was made a moment ago: AWS does not show it everywhere yet.
                raise AwsMissing(f"creating a group: {text}", code_of(error)) from error
            with aws_errors("creating an Auto Scaling group"):
                raise
        return Fleet(
            id=group_name(order),
            launcher=NAME,
            state=State.KEPT,
            status="active",
            capacity=order.first.capacity,
            target_groups=tuple(one.arn for one in order.infra.groups),
            parts=tuple(made),
            tags=order.fleet_tags,
        )

    def _found(self, name: str, release: str) -> Fleet:
        """What an earlier call has made."""
        found = self.find(name)
        if found is None:
            raise AwsMissing(f"group {name} is there by its name, but not to be seen yet")
        if found.release != release:
            raise AwsError(
                f"there is an Auto Scaling group {name!r} that {release} did not make: its tag "
                f"{t.RELEASE} is {found.release!r}; delete it, or release again",
                "AlreadyExists",
            )
        return found

    def listing(self, tags: Mapping[str, str] = NONE) -> list[Fleet]:
        """AWS tells nothing of deleted ones."""
        rules = [{"Name": f"tag:{key}", "Values": [value]} for key, value in sorted(tags.items())]
        with aws_errors("listing Auto Scaling groups"):
            pages = self._aws.scaling.get_paginator("describe_auto_scaling_groups").paginate(
                PaginationConfig={"PageSize": 100}, **({"Filters": rules} if rules else {})
            )
            return [from_aws(one) for page in pages for one in page["AutoScalingGroups"]]

    def find(self, fleet: str) -> Fleet | None:
        with aws_errors(f"group {fleet}"):
            answer = self._aws.scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[fleet])
        found = answer["AutoScalingGroups"]
        return from_aws(found[0]) if found else None

    def members(self, fleet: str, enough: int | None = None) -> list[Instance]:
        """By AWS's own tag, which all of them get; EC2 may show it later than the group shows the
        instance."""
        return instances.members(self._aws, MEMBER, fleet, enough, self._told)

    def _told(self, fleet: str) -> list[str]:
        """Ids of its instances, as the group tells them itself."""
        with aws_errors(f"members of group {fleet}"):
            answer = self._aws.scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[fleet])
        groups = answer["AutoScalingGroups"]
        return [one["InstanceId"] for group in groups for one in group.get("Instances", [])]

    def fleet_of(self, instance: Instance) -> str:
        return instance.tags.get(MEMBER, "")

    def problems(self, fleet: str) -> list[Problem]:
        return histories.problems(histories.read(self._aws, fleet))

    def history(self, fleet: str) -> list[str]:
        return [str(row) for row in histories.read(self._aws, fleet)]

    def mark(self, fleet: str, tags: Mapping[str, str]) -> None:
        with aws_errors(f"tagging group {fleet}"):
            self._aws.scaling.create_or_update_tags(Tags=tags_of(fleet, tags))

    def resize(self, fleet: str, capacity: int) -> None:
        with aws_errors(f"resizing group {fleet}"):
            self._aws.scaling.set_desired_capacity(
                AutoScalingGroupName=fleet, DesiredCapacity=capacity
            )

    def enlarge(self, fleet: str, order: Order, capacity: int) -> None:
        """Auto Scaling itself chooses which are On-Demand."""
        with aws_errors(f"enlarging group {fleet}"):
            self._aws.scaling.update_auto_scaling_group(
                AutoScalingGroupName=fleet, **sizes(order, capacity)
            )

    def suspend_scaling(self, fleet: Fleet, release: str) -> None:
        scaling.suspend(self._aws, fleet, release)

    def resume_scaling(self, fleet: Fleet) -> None:
        scaling.resume(self._aws, fleet)

    def end_scaling(self, fleet: Fleet) -> None:
        """It goes with the group."""

    def stop_replacing(self, fleets: Iterable[str]) -> None:
        """All processes: neither it nor its health checks or scaling touch its instances."""
        failed = []
        for one in sorted(fleets):
            try:
                self._aws.scaling.suspend_processes(AutoScalingGroupName=one)
            except ClientError as error:
                if not _unknown(error) and code_of(error) not in BUSY:
                    failed.append(f"{one}: {error.response.get('Error', {}).get('Message')}")
        if failed:
            raise AwsError(f"not suspended: {'; '.join(failed)}", "SuspendProcesses")

    def remove(self, fleet: Fleet) -> None:
        """A suspended group does not see that its instances have ended, and AWS deletes none that
        counts some, unless forced to."""
        if fleet.state is State.ENDING:
            return
        try:
            self._aws.scaling.delete_auto_scaling_group(
                AutoScalingGroupName=fleet.id, ForceDelete=True
            )
        except ClientError as error:
            if not _unknown(error) and code_of(error) not in BUSY:
                with aws_errors(f"deleting group {fleet.id}"):
                    raise
