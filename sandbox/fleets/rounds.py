"""One round of a spot fleet: launch what is missing, terminate what is too much."""

import json
from collections import Counter

from moto.core.exceptions import ServiceException
from moto.ec2.exceptions import EC2ClientError

from sandbox.balancing.targets import Targets
from sandbox.compute.instances import Instances
from sandbox.fleets import config as fleet_config
from sandbox.fleets import fleet_role, words
from sandbox.fleets.launching import launch_for_fleet
from sandbox.fleets.pools import Launches, Pool, allocate
from sandbox.rights.world import World
from sandbox.state import capacity, refusals
from sandbox.state.account import Account
from sandbox.state.records import Fleet, InstanceRecord
from sandbox.state.refusals import Refusal

# AWS says "It will not be retried for at least 13 minutes".
_BLACKLISTED = 13 * 60.0
_RETRY = 10.0


class Rounds:
    def __init__(self, account: Account, instances: Instances, targets: Targets) -> None:
        self._account = account
        self._instances = instances
        self._targets = targets

    def step(self, fleet: Fleet) -> None:
        members = self._instances.of_fleet(fleet.fleet_id)
        if not fleet.live:
            self._wind_down(fleet, members)
            return
        self._register(fleet, members)
        if self._account.clock.now() < fleet.evaluate_at:
            return
        if fleet.state != "active":
            self._activate(fleet)
        self._round(fleet, [m for m in members if m.alive])

    def _wind_down(self, fleet: Fleet, members: list[InstanceRecord]) -> None:
        now = self._account.clock.now()
        if not members and not fleet.placed_late:
            fleet.state, fleet.ended_at = "cancelled", now
            fleet.event("fleetRequestChange", "cancelled")
        if fleet.placed_late and now >= fleet.evaluate_at:
            fleet.placed_late = False
            self._fill(fleet, [m for m in members if m.alive])

    def cancelled(self, fleet: Fleet) -> None:
        """If a delay is set for late launches, what was under way still arrives after it."""
        late = self._account.late_launch_seconds
        held = sum(m.weight for m in self._instances.of_fleet(fleet.fleet_id) if m.spot)
        if late is not None and held < fleet.target:
            fleet.placed_late = True
            fleet.evaluate_at = self._account.clock.now() + late

    def _activate(self, fleet: Fleet) -> None:
        modified = fleet.state == "modifying"
        fleet.state = "active"
        fleet.event("fleetRequestChange", "modify_succeeded" if modified else "active")

    def _round(self, fleet: Fleet, members: list[InstanceRecord]) -> None:
        if trouble := fleet_role.trouble(fleet.config, self._account.region):
            self.fail(fleet, "iamFleetRoleInvalid", trouble)
            return
        rebalances = "CapacityRebalance" in (fleet.config.get("SpotMaintenanceStrategies") or {})
        counted = [
            m for m in members if not (rebalances and (m.rebalance or m.interrupt_at is not None))
        ]
        self._shrink(fleet, counted)
        if fleet.config.get("Type", "maintain") == "maintain" or not fleet.placed:
            self._fill(fleet, counted)

    def _shrink(self, fleet: Fleet, members: list[InstanceRecord]) -> None:
        policy = str(fleet.config.get("ExcessCapacityTerminationPolicy", "default")).lower()
        if not fleet.shrinking or policy == "notermination":
            return
        units = sum(m.weight for m in members)
        for member in reversed(members):
            if units - member.weight < fleet.target:
                break
            units -= member.weight
            fleet.event("instanceChange", "termination_notified", "", member.instance_id)
            self._instances.terminate([member.instance_id])
        fleet.shrinking = False

    # -- filling --

    def _fill(self, fleet: Fleet, members: list[InstanceRecord]) -> None:
        on_demand = fleet.on_demand_target - sum(m.weight for m in members if not m.spot)
        spot = fleet.target - fleet.on_demand_target - sum(m.weight for m in members if m.spot)
        if on_demand <= 0 and spot <= 0:
            fleet.error = False
            return
        try:
            pools = fleet_config.pools(self._account, fleet.config)
            if why := fleet_role.may_not_hand_on(fleet.config, pools, World(self._account)):
                self.fail(fleet, "iamFleetRoleInvalid", why)
                return
            complete = self._place(fleet, pools, members, on_demand, spot=False)
            complete = self._place(fleet, pools, members, spot, spot=True) and complete
        except (EC2ClientError, ServiceException) as error:
            text = f"{error.message} (Service: AmazonEC2; Error Code: {error.code})"
            self.fail(fleet, "spotFleetRequestConfigurationInvalid", text)
            return
        fleet.placed = True
        fleet.error = fleet.error and not complete

    def _place(
        self,
        fleet: Fleet,
        pools: list[Pool],
        members: list[InstanceRecord],
        missing: float,
        *,
        spot: bool,
    ) -> bool:
        """True if all that was missing has been launched."""
        if missing <= 0:
            return True
        config = fleet.config
        name = "AllocationStrategy" if spot else "OnDemandAllocationStrategy"
        launches = allocate(
            pools,
            missing,
            strategy=config.get(name, "lowestPrice"),
            held=Counter(member.pool for member in members if member.spot == spot),
            free={pool.key: self._free(fleet, pool, spot=spot) for pool in pools},
            pools_to_use=int(config.get("InstancePoolsToUseCount") or 1) if spot else 1,
        )
        limited = not self._launch(fleet, launches, spot=spot)
        self._leave_out(fleet, pools, launches, spot=spot)
        return launches.missing <= 0 and not limited

    def _free(self, fleet: Fleet, pool: Pool, *, spot: bool) -> int | None:
        """How many instances the pool still takes; None: any number."""
        if self._blacklisted(fleet, pool, spot=spot) or self._refusal(pool, spot=spot):
            return 0
        return capacity.free(self._account.state, pool.key, spot=spot)

    def _refusal(self, pool: Pool, *, spot: bool) -> Refusal | None:
        return pool.fault or refusals.of(self._account.state.refusals, pool.key, spot=spot)

    def _blacklisted(self, fleet: Fleet, pool: Pool, *, spot: bool) -> bool:
        until = fleet.blacklisted_until.get(_market_key(pool, spot=spot), 0.0)
        return until > self._account.clock.now()

    def _launch(self, fleet: Fleet, launches: Launches, *, spot: bool) -> bool:
        """False if the account's limit of spot instances was reached."""
        for pool in launches.pools:
            if spot and capacity.account_free(self._account.state) == 0:
                self._over_the_quota(fleet, pool)
                return False
            instance_id = launch_for_fleet(self._account, self._instances, fleet, pool, spot=spot)
            description = {
                "instanceType": pool.instance_type,
                "image": pool.image_id,
                "productDescription": "Linux/UNIX",
                "availabilityZone": pool.zone,
            }
            fleet.event("instanceChange", "launched", json.dumps(description), instance_id)
        return True

    def _over_the_quota(self, fleet: Fleet, pool: Pool) -> None:
        if self._account.state.quota_inside:
            quota = Refusal(refusals.QUOTA, "blacklisted")
            if not fleet.error:
                self._tell_left_out(fleet, pool, words.refused(quota, pool))
            self._all_left_out(fleet, quota.code)
        else:
            self.fail(fleet, "spotInstanceCountLimitExceeded", "Max spot instance count exceeded")

    def _leave_out(
        self, fleet: Fleet, pools: list[Pool], launches: Launches, *, spot: bool
    ) -> None:
        """Blacklist the pools that could not give what is missing, for a while, and those whose
        launches fail in any case."""
        until = self._account.clock.now() + _BLACKLISTED
        if any(pool.fault is None for pool in pools):
            for pool in pools:
                if pool.fault and not self._blacklisted(fleet, pool, spot=spot):
                    fleet.blacklisted_until[_market_key(pool, spot=spot)] = until
                    self._tell_left_out(fleet, pool, words.refused(pool.fault, pool))
        if launches.missing <= 0:
            return
        code = "InsufficientInstanceCapacity"
        for pool in launches.exhausted:
            refused = self._refusal(pool, spot=spot)
            code = refused.code if refused else code
            if self._blacklisted(fleet, pool, spot=spot):
                continue
            if refused and refused.envelope == "error":
                self.fail(fleet, refused.sub_type, f"{pool}: {words.refused(refused, pool)}")
                return
            fleet.blacklisted_until[_market_key(pool, spot=spot)] = until
            self._tell_left_out(
                fleet, pool, words.refused(refused, pool) if refused else words.no_room(pool)
            )
        if {pool.key for pool in launches.exhausted} == {pool.key for pool in pools}:
            self._all_left_out(fleet, code)

    def _tell_left_out(self, fleet: Fleet, pool: Pool, text: str) -> None:
        fleet.event("information", "launchSpecTemporarilyBlacklisted", words.left_out(pool, text))

    def _all_left_out(self, fleet: Fleet, code: str) -> None:
        self.fail(
            fleet,
            "allLaunchSpecsTemporarilyBlacklisted",
            "Several attempts to launch instances have failed. Either the request could not "
            "be satisfied or the configuration is not valid. We will retry the request again "
            "later. For more information, see the description of the event. "
            f"(Error Code: {code})",
        )

    def fail(self, fleet: Fleet, sub_type: str, description: str) -> None:
        """An error is told once. It is told again only after the fleet has recovered."""
        fleet.evaluate_at = self._account.clock.now() + _RETRY
        if not fleet.error:
            fleet.event("error", sub_type, description)
        fleet.error = True

    # -- target groups --

    def _register(self, fleet: Fleet, members: list[InstanceRecord]) -> None:
        for member in members:
            if member.registered or not self._instances.running(member.instance_id):
                continue
            member.registered = True
            for arn in fleet.target_group_arns:
                if why := self._not_registered(fleet, arn, member.instance_id):
                    fleet.event("information", "registerWithLoadBalancersFailed", f"{arn}: {why}")

    def _not_registered(self, fleet: Fleet, arn: str, instance_id: str) -> str:
        """Why an instance could not be; empty if it is now."""
        if not fleet_role.may(fleet.config, fleet_role.REGISTER, arn):
            return f"not authorized to perform: {fleet_role.REGISTER} (AccessDenied)"
        try:
            self._targets.register(arn, [{"Id": instance_id}])
        except ServiceException as error:
            return f"{error.message} ({error.code})"
        return ""


def _market_key(pool: Pool, *, spot: bool) -> str:
    return f"{'spot' if spot else 'on-demand'}:{pool.key}"
