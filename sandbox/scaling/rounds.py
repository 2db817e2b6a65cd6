"""One round of an Auto Scaling group: follow its instances, check their health, launch what is
missing, end what is too much."""

from collections import Counter

from moto.core.exceptions import ServiceException

from sandbox.compute.instances import Instances
from sandbox.fleets.launching import launch_from_pool
from sandbox.fleets.pools import Pool, allocate
from sandbox.scaling import config, words
from sandbox.scaling.balance import Balance
from sandbox.state import capacity, refusals
from sandbox.state.account import Account
from sandbox.state.refusals import QUOTA, Refusal
from sandbox.state.scaling import MOST_ACTIVITIES, Activity, Member, ScalingGroup

GROUP_TAG = "aws:autoscaling:groupName"
# Sandbox seconds between two health checks of an instance, and after a failed launch.
_CHECK_EVERY = 10.0
_RETRY = 10.0


class Rounds:
    def __init__(self, account: Account, instances: Instances, balance: Balance) -> None:
        self._account = account
        self._instances = instances
        self._balance = balance

    def step(self, group: ScalingGroup) -> None:
        for member in list(group.members.values()):
            self._follow(group, member)
        if group.deleting:
            return
        self._health(group)
        self._rebalance(group)
        now = self._account.clock.now()
        if group.late_at is not None and now >= group.late_at:
            group.late_at = None
            self._fill(group)
        if now >= group.evaluate_at:
            if group.does("Launch"):
                self._fill(group)
            if group.does("Terminate"):
                self._shrink(group)

    def note(self, group: ScalingGroup, description: str, cause: str) -> Activity:
        activity = Activity(group.name, description, cause)
        self._account.state.activities.append(activity)
        own = [one for one in self._account.state.activities if one.group == group.name]
        for old in own[:-MOST_ACTIVITIES]:
            self._account.state.activities.remove(old)
        return activity

    def failed(self, group: ScalingGroup, message: str) -> None:
        """A round that could not be carried out; the next one comes later."""
        group.evaluate_at = self._account.clock.now() + _RETRY
        self._failed(self.note(group, "Launching a new EC2 instance.", "A round failed."), message)

    # -- instances --

    def _follow(self, group: ScalingGroup, member: Member) -> None:
        record = self._account.state.instances.get(member.instance_id)
        ended = record is None or record.ended_at is not None
        if member.lifecycle == "Terminating":
            if ended:
                member.activity.end()
                del group.members[member.instance_id]
            elif not self._balance.held(group, member.instance_id):
                member.activity.progress = 60
                member.activity.status = "InProgress"
                self._instances.terminate([member.instance_id])
        elif member.lifecycle == "Pending" and self._instances.running(member.instance_id):
            member.lifecycle = "InService"
            member.in_service_at = self._account.clock.now()
            member.check_at = member.in_service_at + _CHECK_EVERY
            member.activity.end()
            if group.does("AddToLoadBalancer"):
                self._balance.register(group.target_groups, [member.instance_id])
        elif ended and not member.activity.ended:
            member.activity.end(
                "Failed",
                "Instance became unhealthy while waiting for instance to "
                "be in InService state. Termination Reason: "
                f"{record.reason[1] if record else ''}",
            )

    def end(self, group: ScalingGroup, member: Member, cause: str) -> Activity:
        """Out of the target groups, and once they have let go of it, terminated."""
        text = f"Terminating EC2 instance: {member.instance_id}"
        member.lifecycle, member.activity = "Terminating", self.note(group, text, cause)
        self._balance.deregister(group.target_groups, [member.instance_id])
        if self._balance.held(group, member.instance_id):
            member.activity.status, member.activity.progress = "WaitingForELBConnectionDraining", 50
        self._account.wake()
        return member.activity

    # -- health --

    def _health(self, group: ScalingGroup) -> None:
        now = self._account.clock.now()
        for member in group.kept:
            if group.does("HealthCheck") and member.healthy and now >= member.check_at:
                member.check_at = now + _CHECK_EVERY
                self._check(group, member)
            if not member.healthy and group.does("ReplaceUnhealthy") and group.does("Terminate"):
                ended = not self._alive(member)
                why = words.ENDED if ended else words.UNHEALTHY
                self.end(group, member, words.taken_out(why))

    def _alive(self, member: Member) -> bool:
        record = self._account.state.instances.get(member.instance_id)
        return record is not None and record.alive and record.intent == "run"

    def _check(self, group: ScalingGroup, member: Member) -> None:
        if not self._alive(member):
            member.healthy = False
            return
        grace = float(group.settings.get("HealthCheckGracePeriod") or 0)
        since = member.in_service_at
        if "ELB" not in str(group.settings.get("HealthCheckType")) or since is None:
            return
        if self._account.clock.now() >= since + grace:
            member.healthy = not self._balance.unhealthy(group, member.instance_id)

    # -- rebalancing --

    def _rebalance(self, group: ScalingGroup) -> None:
        """One at risk goes once its replacement is in service, or when its notice has come."""
        if not group.settings.get("CapacityRebalance") or not group.does("Launch"):
            return
        serving = sum(m.lifecycle == "InService" and not m.leaving for m in group.kept)
        for member in group.kept:
            record = self._account.state.instances.get(member.instance_id)
            if record is None or member.lifecycle != "InService":
                continue
            if record.interrupt_at is not None:
                self.end(group, member, words.taken_out(words.INTERRUPTED))
            elif member.leaving and serving >= group.desired and group.does("Terminate"):
                self.end(group, member, words.taken_out(words.REBALANCE))
            elif record.rebalance:
                member.leaving = True

    # -- size --

    def _shrink(self, group: ScalingGroup) -> None:
        while len(counted := [one for one in group.kept if not one.leaving]) > group.desired:
            open_ = [one for one in counted if not one.protected]
            if not open_:
                return
            zones = Counter(one.zone for one in counted)
            # The zone with the most of them; there the oldest.
            chosen = max(open_, key=lambda one: zones[one.zone])
            cause = words.shrunk(group, len(counted), chosen.instance_id)
            self.end(group, chosen, cause)

    def _fill(self, group: ScalingGroup) -> None:
        while len(counted := [one for one in group.kept if not one.leaving]) < group.desired:
            most = group.desired - config.on_demand_of(group.settings, group.desired)
            spot = sum(one.spot for one in counted) < most
            if not self._launch(group, counted, spot=spot):
                group.evaluate_at = self._account.clock.now() + _RETRY
                return
        group.asked = ""

    def _launch(self, group: ScalingGroup, counted: list[Member], *, spot: bool) -> bool:
        """One instance, in the zone with the fewest that has room; False if it was refused."""
        cause = words.started(group, len(counted))
        try:
            pools = config.pools(self._account, group.settings)
            pool = self._choose(group, pools, counted, spot=spot)
            if pool is None:
                code, text = self._refused(pools, spot=spot)
                failed = self.note(group, "Launching a new EC2 instance.", cause)
                return self._failed(failed, words.not_launched(code, text, spot=spot))
            marks = {key: value for key, (value, passed) in group.tags.items() if passed}
            marks[GROUP_TAG] = group.name
            instance_id = launch_from_pool(self._account, self._instances, pool, marks, spot=spot)
        except ServiceException as error:
            failed = self.note(group, "Launching a new EC2 instance.", cause)
            return self._failed(failed, f"{error.message} {words.LAUNCH_FAILED}")
        activity = self.note(group, f"Launching a new EC2 instance: {instance_id}", cause)
        activity.progress = 30
        assert pool.template is not None, "groups launch by templates"
        name = self._account.ec2.get_launch_template(pool.template[0]).name
        group.members[instance_id] = Member(
            instance_id,
            (pool.template[0], str(name), pool.template[1]),
            pool.instance_type,
            pool.zone,
            spot,
            activity,
            protected=bool(group.settings.get("NewInstancesProtectedFromScaleIn")),
            check_at=self._account.clock.now() + _CHECK_EVERY,
        )
        return True

    def _failed(self, activity: Activity, message: str) -> bool:
        activity.description += f"  Status Reason: {message}"
        activity.end("Failed", message)
        return False

    def _choose(
        self, group: ScalingGroup, pools: list[Pool], counted: list[Member], *, spot: bool
    ) -> Pool | None:
        found = config.distribution(group.settings)
        key, known = (
            ("SpotAllocationStrategy", config.SPOT_STRATEGIES)
            if spot
            else ("OnDemandAllocationStrategy", config.ON_DEMAND_STRATEGIES)
        )
        held = Counter(f"{one.instance_type}/{one.zone}" for one in counted if one.spot == spot)
        zones = Counter(one.zone for one in counted)
        for zone in sorted({pool.zone for pool in pools}, key=lambda one: (zones[one], one)):
            there = [pool for pool in pools if pool.zone == zone]
            free = {pool.key: self._free(pool, spot=spot) for pool in there}
            launches = allocate(there, 1, strategy=known[found[key]], held=held, free=free)
            if launches.pools:
                return launches.pools[0]
        return None

    def _free(self, pool: Pool, *, spot: bool) -> int | None:
        state = self._account.state
        if pool.fault or refusals.of(state.refusals, pool.key, spot=spot):
            return 0
        if spot and capacity.account_free(state) == 0:
            return 0
        return capacity.free(state, pool.key, spot=spot)

    def _refused(self, pools: list[Pool], *, spot: bool) -> tuple[str, str]:
        """EC2's code and words, for the first pool that would do."""
        state = self._account.state
        first = next((one for one in pools if one.fault is None), pools[0])
        refusal = first.fault or refusals.of(state.refusals, first.key, spot=spot)
        if refusal is None and spot and capacity.account_free(state) == 0:
            refusal = Refusal(QUOTA, "error")
        if refusal is None:
            kind = words.market(spot=spot)
            return (
                "UnfulfillableCapacity" if spot else "InsufficientInstanceCapacity",
                f"There is no {kind} capacity available that matches your request.",
            )
        text = refusal.text(
            instance_type=first.instance_type, zone=first.zone, subnet=first.subnet_id
        )
        return refusal.code, text.partition(" (Service:")[0]
