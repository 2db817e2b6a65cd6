"""Workers that run the product's own code against an account in memory, one call at a time.

Each stops before every call to AWS, every wait and every lock, until it is told to go on. So a test
decides who goes on, who sleeps where and for how long, and who dies.
"""

import threading
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from spotkiln import tags as t
from spotkiln.aws.keep.carry_out import carry_out
from spotkiln.aws.keep.lease import OnTargetGroup
from spotkiln.aws.keep.living import read_claims, remove_dead
from spotkiln.aws.keep.reconcile import find_unowned
from spotkiln.aws.serve.cancel import cancel
from spotkiln.aws.serve.launchers import launchers
from spotkiln.aws.serve.promote import promote
from spotkiln.aws.serve.replace import retire_replaced
from spotkiln.aws.serve.serving import serving_now
from spotkiln.errors import GaveWay, SpotkilnError
from spotkiln.keep.action import Verb
from spotkiln.keep.facts import Facts
from spotkiln.keep.heartbeat import Heartbeat
from spotkiln.keep.lease import NEVER, RENEW, Lease, Stage
from spotkiln.serve.fleet import Fleet
from spotkiln.serve.order import Order
from spotkiln.serve.spec import FleetSpec
from tests.unit import nouns
from tests.unit.memory import Memory
from tests.unit.nouns import GROUP

CALL_SECONDS = 0.05
SPEC = FleetSpec(capacity=2)


class Killed(BaseException):
    """The worker's process is no more."""


class Host:
    """A machine: its clock is off, and may stand still while it sleeps."""

    def __init__(self, world: "World", skew: float, *, stands_still: bool) -> None:
        self._world, self.skew, self._stands_still = world, skew, stands_still
        self.asleep = self.dead = False
        self._fell, self._slept = 0.0, 0.0

    def elapsed(self) -> float:
        return 5000.0 + self._world.time - self._slept

    def fall_asleep(self) -> None:
        self.asleep, self._fell = True, self._world.time

    def wake(self) -> None:
        self.asleep = False
        if self._stands_still:
            self._slept += self._world.time - self._fell


class Actor:
    """One thread of a worker. `due` is when it wants to go on, in the account's time."""

    def __init__(self, world: "World", host: Host, name: str, body: Callable[[], None]) -> None:
        self.world, self.host, self.name = world, host, name
        self.aws = world.aws(host.elapsed)
        self.due = 0.0
        self.done = False
        self.at = ""
        self.error: BaseException | None = None
        self._body = body
        self._go, self._parked = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        self.world.here.actor = self
        try:
            self.gate("start")
            self._body()
        except Killed:
            pass
        except BaseException as error:  # noqa: BLE001 - shown by whoever lets it go on
            self.error = error
        finally:
            self.done = True
            self._parked.release()

    def gate(self, at: str, due: float = 0.0) -> None:
        """Stop here until told to go on."""
        if self.host.dead:
            raise Killed
        self.at, self.due = at, due
        self._parked.release()
        self._go.acquire()
        if self.host.dead:
            raise Killed

    def step(self) -> None:
        """To the next gate."""
        self._parked.acquire()
        if not self.done:
            self.world.time = max(self.world.time, self.due) + CALL_SECONDS
            self._go.release()
            self._parked.acquire()
        self._parked.release()
        if self.error:
            raise self.error

    def finish(self) -> None:
        """Whatever it is at: as the dead do."""
        while not self.done:
            self.step()
        self._thread.join(5)


class Lock:
    """In the place of a heartbeat's: who waits for it can be told from who may go on."""

    def __init__(self, world: "World") -> None:
        self._world, self._owner, self._depth = world, "", 0

    def __enter__(self) -> None:
        me = self._world.here.actor
        while self._owner not in {"", me.name}:
            me.gate("lock")
        self._owner = me.name
        self._depth += 1

    def __exit__(self, *_: object) -> None:
        self._depth -= 1
        if self._depth == 0:
            self._owner = ""


class World(Memory):
    """The account, and all who work in it. `lag`: how old the tags of the target group are that
    somebody reads."""

    def __init__(self) -> None:
        super().__init__()
        self.here = threading.local()
        self.actors: list[Actor] = []
        self.beats: dict[str, Heartbeat] = {}
        self.reported: set[str] = set()
        self.outcomes: dict[str, str] = {}
        self.launched: dict[str, Heartbeat] = {}
        self.lag = 0.0
        self._history: list[tuple[float, dict[str, str]]] = [(0.0, {})]
        self.before = self._before
        self.infra = nouns.infra()

    def _before(self, operation: str) -> None:
        if actor := getattr(self.here, "actor", None):
            actor.gate(operation)

    # -- tags are seen by others only after a while --

    def _changed(self) -> None:
        self._history.append((self.time, dict(self.group_tags)))
        del self._history[:-200]

    def add_tags(self, asked: dict[str, Any]) -> dict[str, Any]:
        super().add_tags(asked)
        self._changed()
        return {}

    def remove_tags(self, asked: dict[str, Any]) -> dict[str, Any]:
        super().remove_tags(asked)
        self._changed()
        return {}

    def describe_tags(self, asked: dict[str, Any]) -> dict[str, Any]:
        del asked
        seen = [tags for at, tags in self._history if at <= self.time - self.lag]
        old = seen[-1] if seen else {}
        return {"TagDescriptions": [{"ResourceArn": GROUP, "Tags": t.to_aws(old)}]}

    # -- what the product's modules are given --

    def now_of_clock(self) -> float:
        return float(self.here.actor.host.elapsed())

    def sleep(self, seconds: float) -> None:
        self.here.actor.gate("sleep", self.time + seconds)

    def ended(self, runs: Iterable[str]) -> frozenset[str]:
        return frozenset(self.reported & set(runs))

    def gather(self, aws: Any, living: frozenset[str], *_known: object) -> Facts:
        # Images first, as the real one: a version released between the two is not seen at all.
        images = tuple(
            nouns.image(name).model_copy(update={"tags": {**nouns.TAGS, **tags}})
            for name, tags in self.images.items()
        )
        own = tuple(launchers(aws).listing())
        machines = tuple(
            nouns.instance(name, one.state, fleet=one.fleet, tags=one.tags)
            for name, one in self.machines.items()
        )
        return Facts(living=living, fleets=own, instances=machines, images=images)

    # -- workers --

    def start(self, host: Host, name: str, body: Callable[[], None]) -> Actor:
        actor = Actor(self, host, name, body)
        self.actors.append(actor)
        return actor

    def release(self, host: Host, name: str, *, takes: bool = False) -> Actor:
        return self.start(host, name, lambda: self._release(name, takes=takes))

    def reconcile(self, host: Host, name: str) -> Actor:
        return self.start(host, name, self._reconcile)

    def _release(self, name: str, *, takes: bool) -> None:
        actor = self.here.actor
        place = OnTargetGroup(actor.aws, "target group website", GROUP)
        stage = Stage.TAKES if takes else Stage.WAITS
        ticket = actor.aws.now()
        lease = Lease(release=name, run=f"run-{name}", ticket=ticket, until=NEVER, stage=stage)
        beat = Heartbeat(
            place, lease, ended=self.ended, clock=ActorClock(self), say=lambda *_: None
        )
        beat._lock = Lock(self)  # type: ignore[assignment]
        self.beats[name] = beat
        try:
            beat.begin()
            self.start(actor.host, f"{name}'s thread", lambda: self._renew(beat))
            while beat.try_turn():
                self.sleep(2)
            self._reconcile()
            self._serve(name, beat)
            self.outcomes[name] = "released"
        except GaveWay:
            self.outcomes[name] = "superseded"
        except SpotkilnError as error:
            self.outcomes[name] = str(error)
        finally:
            self.launched.pop(name, None)
            beat.end()

    def _renew(self, beat: Heartbeat) -> None:
        while not beat._done.is_set():
            self.sleep(RENEW.total_seconds())
            beat.renew()

    def _serve(self, name: str, beat: Heartbeat) -> None:
        """As flows/release.py and tasks/serve/serve.py do it, but for what only looks."""
        aws = self.here.actor.aws
        before = serving_now(aws, self.infra)
        image = f"ami-{name}"
        tags = {**nouns.TAGS, t.RELEASE: name, t.RUN: f"run-{name}"}
        self.images[image] = {**tags, t.STATE: "tested"}
        self.sleep(60)
        beat.check()
        beat.launch()
        self.has_launched(name, beat)
        order = Order(
            wanted=SPEC, asked=SPEC, image=nouns.image(image), infra=self.infra, tags=tags
        )
        try:
            new = launchers(aws).launch(order, note=lambda *_: None)
            self.sleep(30)
            beat.check()
            new = promote(aws, new, self.infra, before)
        except SpotkilnError:
            cancel(aws, self.infra, name, None, ActorClock(self), lambda _: None)
            raise
        self._retire(beat, new)

    def _retire(self, beat: Heartbeat, new: Fleet) -> None:
        beat.check()
        retire_replaced(self.here.actor.aws, self.infra, new, ActorClock(self), lambda _: None)

    def has_launched(self, name: str, beat: Heartbeat) -> None:
        """Of all who were told that they may launch, and have neither ended nor been reported
        dead, at most one has a lease that runs."""
        self.launched[name] = beat
        valid = [
            other
            for other, one in self.launched.items()
            if one.lease.until > self.now and one.lease.run not in self.reported
        ]
        assert len(valid) <= 1, f"two that act: {valid}"

    def _reconcile(self) -> None:
        for _ in range(4):
            aws, clock = self.here.actor.aws, ActorClock(self)
            claims = read_claims(aws, self.ended)
            remove_dead(aws, claims)
            todo = find_unowned(aws, claims, "", ended=self.ended, say=lambda _: None).todo
            for action in todo:
                if action.verb is Verb.DISCARD_IMAGE:
                    for name in action.ids:
                        self.discard(name)
                elif action.verb in {Verb.RETIRE_FLEETS, Verb.DRAIN_INSTANCES}:
                    carry_out(aws, action, clock=clock, say=lambda _: None)
            if not todo:
                return

    def discard(self, image: str) -> None:
        served = [x for x in self.fleets.values() if x.tags[t.IMAGE] == image and _promoted(x.tags)]
        assert not served, f"a released version is lost: {image}"
        self.images.pop(image, None)

    def let_live(self, seconds: float) -> None:
        """Time passes, and whoever is awake renews what it holds."""
        until = self.time + seconds
        while self.time < until:
            self.time = min(until, self.time + 5)
            for one in list(self.actors):
                awake = not (one.done or one.host.asleep or one.host.dead)
                if awake and one.name.endswith("thread"):
                    for _ in range(8):
                        if one.done or one.due > self.time:
                            break
                        one.step()

    def end(self) -> None:
        for one in self.actors:
            one.host.dead = True
        for one in self.actors:
            one.error = None
            one.finish()


def _promoted(tags: dict[str, str]) -> bool:
    return tags.get(t.PHASE) in {"serving", "retiring"}


class ActorClock:
    def __init__(self, world: World) -> None:
        self._world = world

    def now(self) -> float:
        return self._world.now_of_clock()

    def sleep(self, seconds: float) -> None:
        self._world.sleep(seconds)


def later(world: World, host: Host) -> Any:
    """What a host's own clock says, for those who would believe it."""
    return world.now + timedelta(seconds=host.skew)
