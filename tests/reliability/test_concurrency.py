"""Two releases, a rollback that takes the turn, a reconcile, and workers that sleep or die anywhere
for any time, on hosts whose clocks differ: the product's own code, one call to AWS at a time.

Never do two act, never is the newest that serves taken away, never is a released version lost.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from spotkiln import tags as t
from spotkiln.aws.bake import infra as aws_infra
from spotkiln.aws.keep import lease as leases
from spotkiln.aws.keep import reconcile as finding
from spotkiln.keep.lease import DURATION, PREFIX
from tests.reliability.actors import Actor, Host, World
from tests.unit.memory import Request
from tests.unit.nouns import GROUP

AT_ONCE = 4
KINDS = st.sampled_from(["release", "release", "rollback", "reconcile"])


def order(name: str, one: Request) -> tuple[str, str]:
    return one.tags.get(t.PROMOTED, ""), name


class Concurrency(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.world = world = World()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(finding, "gather", world.gather)
        self.patch.setattr(leases, "builder_groups", lambda _: [])
        self.patch.setattr(aws_infra, "target_group_arns", lambda *_: [GROUP])
        self.count = 0
        # The first version: something serves from the beginning.
        first = world.release(Host(world, 0, stands_still=False), "app-0")
        while not first.done:
            first.step()
        assert world.outcomes == {"app-0": "released"}

    def teardown(self) -> None:
        try:
            if self.newest():
                self.rest()
        finally:
            self.world.end()
            self.patch.undo()

    # -- who goes on --

    def newest(self) -> str:
        live = {
            name: one
            for name, one in self.world.fleets.items()
            if one.state == "active" and one.tags[t.PHASE] == "serving"
        }
        return max(live, key=lambda name: order(name, live[name]), default="")

    def step(self, actor: Actor) -> None:
        """One call to AWS; what serves is not touched by it."""
        newest = self.newest()
        assert newest, "nothing serves"
        serving = len(self.world.serving_targets(newest))
        actor.step()
        now, fleet = self.newest(), self.world.fleets[newest]
        took_back = fleet.tags[t.PHASE] == "pending" and actor.name == fleet.tags[t.RELEASE]
        if now == newest:
            left = len(self.world.serving_targets(newest))
            assert left >= serving, f"{actor.name} took servers of {newest} at {actor.at}"
        else:
            newer = now and order(now, self.world.fleets[now]) > order(newest, fleet)
            assert newer or took_back or self.only_promised(newest, now), (
                f"{actor.name} took {newest} away, now {now} serves"
            )

    def only_promised(self, fleet: str, before: str) -> bool:
        """A run that was taken for dead, and was not, promoted `fleet` between another's look at it
        and its cancelling: nothing on AWS can keep the two apart. It retires nothing any more, so
        what served before serves with all its servers."""
        lease = f"{PREFIX}{self.world.fleets[fleet].tags[t.RELEASE]}"
        whole = len(self.world.serving_targets(before)) == 2
        return lease not in self.world.group_tags and whole

    def awake(self) -> list[Actor]:
        return [one for one in self.world.actors if not (one.done or one.host.asleep)]

    def workers(self) -> list[Actor]:
        """Without the threads that renew."""
        return [one for one in self.awake() if not one.name.endswith("thread")]

    def hosts(self) -> list[Host]:
        return list(dict.fromkeys(one.host for one in self.world.actors if not one.done))

    def draw(self, data: st.DataObject, many: list[Any]) -> Any:
        return many[data.draw(st.integers(0, len(many) - 1))]

    def begin(self, kind: str, skew: float = 400, *, stands_still: bool = False) -> Actor:
        self.count += 1
        host = Host(self.world, skew, stands_still=stands_still)
        if kind == "reconcile":
            return self.world.reconcile(host, f"reconcile-{self.count}")
        return self.world.release(host, f"app-{self.count}", takes=kind == "rollback")

    def walk(self, actor: Actor, steps: int) -> None:
        """So many calls, in good health: all who are awake renew what they hold."""
        for _ in range(steps):
            if actor.done:
                return
            self.step(actor)
            self.world.let_live(0.5)

    @rule(
        kind=KINDS,
        skew=st.sampled_from([-100000, -400, 0, 400, 100000]),
        stands_still=st.booleans(),
    )
    def start(self, kind: str, skew: float, stands_still: bool) -> None:
        if len(self.hosts()) < AT_ONCE:
            self.begin(kind, skew, stands_still=stands_still)

    @precondition(lambda self: self.awake())
    @rule(data=st.data(), times=st.integers(1, 15))
    def go_on(self, data: st.DataObject, times: int) -> None:
        actor = self.draw(data, self.awake())
        for _ in range(times):
            if not actor.done:
                self.step(actor)

    @precondition(lambda self: self.workers())
    @rule(
        data=st.data(),
        call=st.sampled_from(
            [
                "create_tags",
                "add_tags",
                "describe_tags",
                "request_spot_fleet",
                "cancel_spot_fleet_requests",
                "terminate_instances",
                "sleep",
            ]
        ),
    )
    def go_on_to(self, data: st.DataObject, call: str) -> None:
        """Up to right before such a call: where a sleep hurts most."""
        actor = self.draw(data, self.workers())
        for _ in range(80):
            if actor.done:
                return
            self.step(actor)
            self.world.let_live(0.1)
            if actor.at == call:
                return

    @precondition(lambda self: self.workers())
    @rule(data=st.data())
    def go_on_to_its_end(self, data: st.DataObject) -> None:
        self.walk(self.draw(data, self.workers()), 400)

    @rule(
        kinds=st.tuples(KINDS, KINDS),
        steps=st.sampled_from(range(1, 61)),
        seconds=st.sampled_from([0, 20, 100, 149, 151, 170, 500]),
        told=st.booleans(),
        stands_still=st.booleans(),
        others=st.sampled_from([200, 200, *range(1, 41)]),
    )
    def sleep_through(
        self,
        kinds: tuple[str, str],
        steps: int,
        seconds: float,
        told: bool,
        stands_still: bool,
        others: int,
    ) -> None:
        """One sleeps at any step, for any time; another comes, and goes its way, or some of it;
        the first wakes up."""
        if len(self.hosts()) > AT_ONCE - 2:
            return
        sleeper = self.begin(kinds[0], stands_still=stands_still)
        self.walk(sleeper, steps)
        sleeper.host.fall_asleep()
        self.world.let_live(seconds)
        if told:
            self.world.reported.add(f"run-{sleeper.name}")
        other = self.begin(kinds[1])
        self.walk(other, others)
        sleeper.host.wake()
        self.walk(sleeper, 200)
        self.walk(other, 200)

    @rule(seconds=st.sampled_from([1, 10, 60, 100, 170, 500]))
    def time_passes(self, seconds: float) -> None:
        self.world.let_live(seconds)

    @precondition(lambda self: self.awake())
    @rule(data=st.data())
    def fall_asleep(self, data: st.DataObject) -> None:
        self.draw(data, self.awake()).host.fall_asleep()

    @precondition(lambda self: any(one.asleep for one in self.hosts()))
    @rule(data=st.data())
    def wake(self, data: st.DataObject) -> None:
        self.draw(data, [one for one in self.hosts() if one.asleep]).wake()

    @precondition(lambda self: self.hosts())
    @rule(data=st.data(), told=st.booleans())
    def die(self, data: st.DataObject, told: bool) -> None:
        host = self.draw(data, self.hosts())
        host.dead = True
        for one in self.world.actors:
            if one.host is host:
                one.finish()
                if told:
                    self.world.reported.add(f"run-{one.name}")

    @precondition(lambda self: self.hosts())
    @rule(data=st.data())
    def is_wrongly_reported_dead(self, data: st.DataObject) -> None:
        alive = [one for one in self.world.actors if not one.done]
        self.world.reported.add(f"run-{self.draw(data, alive).name}")

    @rule(seconds=st.sampled_from([0.0, 0.5, 0.9]))
    def tags_are_seen_late(self, seconds: float) -> None:
        self.world.lag = seconds

    # -- what must hold --

    @invariant()
    def something_serves(self) -> None:
        fleets = self.world.fleets
        serving = [x for x, one in fleets.items() if one.tags[t.PHASE] in {"serving", "retiring"}]
        whole = [x for x in serving if len(self.world.serving_targets(x)) == 2]
        assert whole, "nothing serves"
        assert self.world.torn == []

    def rest(self) -> None:
        """All end, or are dead; a reconcile later there is what serves, and nothing else."""
        for host in self.hosts():
            host.wake()
        for _ in range(3000):
            living = self.workers()
            if not living:
                break
            for one in living:
                if not one.done:
                    self.step(one)
            self.world.let_live(0.5)
        else:
            raise AssertionError(f"not at rest: {[(x.name, x.at) for x in living]}")
        # Of one that died untold only the end of its lease is left to tell.
        self.world.time += DURATION.total_seconds() + 1
        last = self.world.reconcile(Host(self.world, 0, stands_still=False), "last")
        while not last.done:
            self.step(last)
        newest = self.newest()
        left = [x for x, one in self.world.fleets.items() if one.state != "cancelled"]
        assert left == [newest], f"left behind beside {newest}: {left}"
        assert len(self.world.serving_targets(newest)) == 2
        assert self.world.group_tags == {}


TestConcurrency = Concurrency.TestCase
TestConcurrency.settings = settings(
    max_examples=150,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


# The two that were seen to go wrong, step by step.


@pytest.fixture
def at_work() -> Iterator[Concurrency]:
    machine = Concurrency()
    yield machine
    machine.teardown()


def test_a_version_released_while_a_reconcile_slept_is_no_orphan(at_work: Concurrency) -> None:
    """At whatever step of its look it slept: first there is something to be looked at."""
    at_work.world.actors[0].host.dead = True
    for steps in range(1, 25):
        at_work.sleep_through(
            kinds=("release", "release"),
            steps=steps,
            seconds=0,
            told=False,
            stands_still=False,
            others=200,
        )


def stop_at(machine: Concurrency, actor: Actor, call: str, nth: int = 1) -> None:
    """Right before its nth such call from here."""
    for _ in range(200):
        machine.walk(actor, 1)
        nth -= actor.at == call
        if nth == 0:
            return
    raise AssertionError(f"{actor.name} never came to {call}")


def test_a_worker_that_slept_before_it_retired_leaves_its_successor_alone(
    at_work: Concurrency,
) -> None:
    sleeper = at_work.begin("release")
    stop_at(at_work, sleeper, "create_tags")
    stop_at(at_work, sleeper, "describe_spot_fleet_requests", 2)
    sleeper.host.fall_asleep()
    at_work.world.let_live(200)
    successor = at_work.begin("release")
    at_work.walk(successor, 200)
    serving = at_work.newest()
    assert at_work.world.outcomes["app-2"] == "released"
    sleeper.host.wake()
    at_work.walk(sleeper, 200)
    assert at_work.newest() == serving
    assert "nothing is retired" in at_work.world.outcomes["app-1"]


def test_a_fleet_that_was_promoted_between_reconciles_looks_goes_on_serving(
    at_work: Concurrency,
) -> None:
    release = at_work.begin("release")
    stop_at(at_work, release, "create_tags")
    at_work.world.reported.add("run-app-1")
    reconcile = at_work.begin("reconcile")
    stop_at(at_work, reconcile, "describe_spot_fleet_requests", 2)
    at_work.walk(release, 2)
    new = at_work.newest()
    assert at_work.world.fleets[new].tags[t.RELEASE] == "app-1"
    at_work.walk(reconcile, 200)
    assert reconcile.done
    assert at_work.newest() == new
    assert len(at_work.world.serving_targets(new)) == 2
