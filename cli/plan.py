"""What a release would do, by the very steps that it would take; nothing is changed."""

import tempfile
from pathlib import Path
from uuid import uuid4

from spotkiln.aws import fleet as fleets
from spotkiln.aws.retire import DRAIN_SLACK_SECONDS
from spotkiln.aws.session import connect
from spotkiln.bake import recipe_of
from spotkiln.fleet import Fleet, retirees
from spotkiln.gate import GatePolicy, limits
from spotkiln.infra import Infra, TargetGroup
from spotkiln.noun import Noun
from spotkiln.release import ReleaseSpec
from spotkiln.reuse import Reuse
from spotkiln.source import Source
from tasks.fleet import find_serving, is_unchanged
from tasks.image import Job, find_image
from tasks.infra import look_up_infra
from tasks.source import check_out


class Plan(Noun):
    """`image` is the one to reuse, empty when it would be baked; `why` names the inputs that
    differ. Seconds are from the launch until the old servers have drained."""

    app: str
    ref: str
    commit: str
    subject: str
    infra: Infra
    recipe: str
    image: str
    why: str
    differ: tuple[str, ...]
    unchanged: bool
    capacity: int
    retire: tuple[Fleet, ...]
    at_least_seconds: float
    at_most_seconds: float


def doubled(policy: GatePolicy, group: TargetGroup) -> tuple[float, float]:
    """For how long old and new servers run side by side: no less than the load balancer's own
    checks and draining take, no more than the deadlines allow."""
    check = group.health_check
    least = check.healthy_threshold * check.interval + group.deregistration_delay
    most = limits(policy, check).ceiling + group.deregistration_delay + DRAIN_SLACK_SECONDS
    return float(least), float(most)


def make_plan(
    spec: ReleaseSpec,
    infra: Infra,
    source: Source,
    recipe: str,
    found: Reuse,
    retire: list[Fleet],
    *,
    unchanged: bool,
) -> Plan:
    least, most = doubled(spec.gate, infra.target_group)
    return Plan(
        app=spec.app.name,
        ref=spec.app.ref,
        commit=source.commit,
        subject=source.subject,
        infra=infra,
        recipe=recipe,
        image=found.image.id if found.image else "",
        why=found.why,
        differ=found.differ,
        unchanged=unchanged,
        capacity=spec.fleet.capacity,
        retire=() if unchanged else tuple(retire),
        at_least_seconds=least,
        at_most_seconds=most,
    )


def look(spec: ReleaseSpec) -> Plan:
    """Raises InputError for whatever a release would be refused for."""
    infra = look_up_infra.fn(spec)
    with tempfile.TemporaryDirectory(prefix="spotkiln-plan-") as folder:
        source = check_out.fn(spec.app, Path(folder) / "source")
        job = Job(
            release=f"{spec.app.name}-{uuid4().hex[:12]}",
            spec=spec,
            infra=infra,
            source=source,
            recipe=recipe_of(source, spec.app, infra),
            tags={},
            folder=Path(folder),
        )
        found, current = find_image.fn(job), find_serving.fn(infra)
    unchanged = bool(
        found.image
        and current
        and not spec.force
        and is_unchanged.fn(infra, spec.fleet, found.image, current[0])
    )
    new = Fleet(id="", state="planned", capacity=spec.fleet.capacity)
    retire = retirees(fleets.listing(connect(infra.region)), infra.target_group.arn, new)
    return make_plan(spec, infra, source, job.recipe.digest, found, retire, unchanged=unchanged)


def text(plan: Plan) -> str:
    infra = plan.infra
    zones = f"in {', '.join(infra.zones)} ({infra.region}, account {infra.account})"
    parts = [
        f"{plan.app} {plan.ref} is {plan.commit[:12]}: {plan.subject}",
        f"target group: {infra.target_group.name} behind {infra.load_balancer} {zones}",
        f"base image: {infra.base_image.name} ({infra.base_image.id})",
        f"security groups: {', '.join(infra.security_groups)}",
        f"fleet role: {infra.fleet_role}",
        f"instance profile: {infra.instance_profile or 'none'}",
        f"key pair: {infra.key_pair or 'none'}",
        f"image: {'reuse ' + plan.image if plan.image else 'bake and test anew'}: {plan.why}",
    ]
    if plan.unchanged:
        return "\n".join([*parts, "nothing to do: it serves already"])
    parts.append(f"launch: {plan.capacity} instances")
    if plan.retire:
        old = ", ".join(f"{one.id} ({one.capacity} instances)" for one in plan.retire)
        least, most = f"{plan.at_least_seconds:.0f} s", f"{plan.at_most_seconds:.0f} s"
        parts += [f"retire: {old}", f"old and new side by side: {least} at least, {most} at most"]
    else:
        parts.append("retire: nothing, for nothing of ours serves")
    return "\n".join(parts)
