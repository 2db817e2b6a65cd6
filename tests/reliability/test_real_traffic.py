"""Requests handed over with everything real: Packer, machines that boot systemd, two versions of a
page whose stylesheet has its fingerprint. All along somebody visits, and no request is lost.

LONG=1 plays them (`make torture`). Each tells how many requests there were, and how long it took.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from spotkiln.serve.stepping import Steer
from tests.release.test_launchers import scale_out
from tests.reliability.conftest import long
from tests.reliability.flow_process import FlowProcess
from tests.reliability.host import eventually
from tests.reliability.load import Load
from tests.reliability.scenarios import GROUP, PRODUCT
from tests.reliability.test_real_machines import docker_answers
from tests.reliability.truth import Truth
from tests.sandbox.account import eventually as soon
from tests.traffic.pair import ALARM, Pair, PairWorld, set_alarm
from tests.traffic.test_visits import others
from tests.traffic.visits import Visitor

pytestmark = [
    pytest.mark.docker,
    pytest.mark.real,
    pytest.mark.prefect,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(not docker_answers(), reason="no Docker or no Packer: no real machines"),
    long,
]

QUICK_GROUP = {"interval": 5, "deregistration_delay": 3}
SHOP, INSIDE = "shop", "shop-inside"
ACCOUNT = {
    "target_groups": [
        {"name": "website", "stack": {"AlsoBehind": f"{SHOP},{INSIDE}"}, **QUICK_GROUP},
        {"name": SHOP, "by_hand": True, **QUICK_GROUP},
        {"name": INSIDE, "port": 3001, "path": "/", "by_hand": True, **QUICK_GROUP},
    ]
}
# How long a machine takes to boot is not on trial: on two busy cores it may be minutes.
PATIENT = {"polls": 1, "boot_seconds": 600}
# Real seconds. From a bad signal until the old servers have all requests again: less than five are
# promised, and what the sandbox takes on a busy machine comes on top.
BACK_SECONDS = 15.0
RELEASE_SECONDS = 900.0
STICKY: dict[str, Any] = {"sticky_seconds": 20}
STEPS: dict[str, Any] = {"steps": ["10 % for 10 s", "50 % for 600 s", "100 %"], **STICKY}


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PairWorld]:
    home = tmp_path_factory.mktemp("real")
    with PairWorld(home, machines="docker", account=ACCOUNT) as world:
        yield world


@pytest.fixture(scope="module")
def served(real: PairWorld) -> Pair:
    """Both versions are baked by real Packer, and v1 serves."""
    for ref in ("v2", "v1"):
        released(start(Pair(real), ref, steps=["100 %"], bake_seconds=0))
    return Pair(real)


@pytest.fixture
def pair(real: PairWorld, served: Pair) -> Iterator[Pair]:
    pair = served
    set_alarm(real, "OK")
    real.box.clear_calls()
    yield pair
    real.box.clear_faults()


@dataclass
class Visits:
    """Somebody who comes again and again: each time a page of some version, and its stylesheet."""

    visitor: Visitor
    what: str

    def version(self) -> str:
        """That answered last."""
        return self.visitor.seen[-1].page

    def show(self) -> None:
        seen, failed = self.visitor.seen, self.visitor.failures
        mixed = [one for one in seen if not one.whole]
        sent = 2 * len(seen) + len(failed)
        print(f"{self.what}: {sent} requests, {len(failed)} failed, {len(mixed)} pages mixed")

    def whole(self, around: tuple[float, float] = (0.0, 0.0)) -> None:
        """None was lost, and no page was without its stylesheet, but for one that was being loaded
        as the requests went back `around` that time."""
        assert self.visitor.failures == []
        assert len(self.visitor.seen) > 20
        from_, until = around
        mixed = [one for one in self.visitor.seen if not one.whole]
        assert [x for x in mixed if x.begun + x.seconds < from_ or x.begun > until] == []


@pytest.fixture
def visits(pair: Pair, request: pytest.FixtureRequest) -> Iterator[Visits]:
    address = pair.world.box.load_balancer("website")
    visitor = Visitor(address, returns=False, every_seconds=0.1)
    with visitor:
        yield (visits := Visits(visitor, request.node.name))
    visits.show()
    assert visitor.failures == []


# -- what is done --


def start(pair: Pair, ref: str, launcher: str = "spot-fleet", **traffic: Any) -> FlowProcess:
    more: dict[str, Any] = {"gate": PATIENT, "fleet": {"launcher": launcher, "most": 3}}
    return pair.world.start(ref, **more, **pair.parameters(**{"bake_seconds": 600, **traffic}))


def released(process: FlowProcess) -> dict[str, Any]:
    made = process.result(RELEASE_SECONDS)
    assert made.get("outcome") == "released", (made, process.tail(60))
    return made


def other(pair: Pair) -> str:
    """The version that does not serve."""
    return others(pair)[0]


def until(process: FlowProcess, is_so: Callable[[], bool], what: str) -> None:
    def looked() -> bool:
        assert not process.ended.is_set(), (what, process.result(), process.tail(60))
        return is_so()

    eventually(looked, RELEASE_SECONDS, what)


def until_share(pair: Pair, name: str, percent: int, process: FlowProcess) -> None:
    until(process, lambda: pair.weights()[name] == percent, f"{percent} % for {name}")


# -- what must be so --


def settled(pair: Pair, group: str = "") -> Truth:
    """Once nothing is left of what was undone or replaced."""
    group = group or pair.active
    truth = pair.world.account.look(group)

    def clean() -> bool:
        nonlocal truth
        truth = pair.world.account.look(group)
        return not truth.problems()

    try:
        eventually(clean, 120, "that nothing is left")
    except AssertionError as error:
        raise AssertionError(f"{error}: {truth.problems()}") from None
    assert pair.disorder() == []
    return truth


@dataclass
class Before:
    """What served, and how it comes back."""

    pair: Pair
    active: str
    fleet: str
    members: list[str]
    version: str

    def back(self, visits: Visits, since: float, within: float = BACK_SECONDS) -> None:
        """From then until the old version alone serves: as the weights say, and to a visitor."""
        soon(lambda: not self.pair.disorder() and self.pair.active == self.active, within, "back")
        told = time.monotonic()
        time.sleep(3)
        new = [one for one in visits.visitor.seen if one.page != self.version]
        last = max((one.begun + one.seconds for one in new), default=since)
        print(
            f"{visits.what}: all requests went to the old servers {told - since:.1f} s after the "
            f"signal, the last answer of the new ones came {max(0.0, last - since):.1f} s after it"
        )
        assert last <= told
        visits.whole((since, told))

    def unharmed(self) -> None:
        truth = settled(self.pair)
        now = (self.pair.active, truth.fleet, sorted(truth.members))
        assert now == (self.active, self.fleet, sorted(self.members))


def before(pair: Pair, visits: Visits) -> Before:
    truth = settled(pair)
    soon(lambda: visits.visitor.seen, 30, "a first visit")
    return Before(pair, pair.active, truth.fleet, truth.members, visits.version())


def turned_back(process: FlowProcess, why: str) -> None:
    made = process.result(300)
    assert why in made.get("error", ""), (made, process.tail(60))


# -- two target groups --


def test_an_alarm_in_step_two_brings_the_old_servers_back(pair: Pair, visits: Visits) -> None:
    was, new = before(pair, visits), pair.idle
    process = start(pair, other(pair), alarms=[ALARM], **STEPS)
    until_share(pair, new, 50, process)
    time.sleep(2)
    pair.alarm("ALARM")
    was.back(visits, time.monotonic())
    turned_back(process, f"turned back at step 3 (50 %): alarm {ALARM} is in ALARM")
    was.unharmed()


def test_within_the_bake_time_the_old_servers_are_back_in_seconds(
    pair: Pair, visits: Visits
) -> None:
    was, new = before(pair, visits), pair.idle
    process = start(pair, other(pair), alarms=[ALARM], steps=["50 % for 5 s", "100 %"], **STICKY)
    until_share(pair, new, 100, process)
    # By then all of them are visitors of the new version.
    soon(lambda: visits.version() != was.version, 30, "the new version")
    time.sleep(20)
    pair.alarm("ALARM")
    was.back(visits, time.monotonic())
    turned_back(process, f"turned back at step 3 (100 %): alarm {ALARM} is in ALARM")
    was.unharmed()


def test_an_alarm_without_data_brings_the_old_servers_back(pair: Pair, visits: Visits) -> None:
    was, new = before(pair, visits), pair.idle
    process = start(pair, other(pair), alarms=[ALARM], no_data_seconds=10, **STEPS)
    until_share(pair, new, 10, process)
    pair.alarm("INSUFFICIENT_DATA")
    was.back(visits, time.monotonic(), BACK_SECONDS + 10)
    turned_back(process, f"alarm {ALARM} has had no data")
    was.unharmed()


def test_a_person_aborts(pair: Pair, visits: Visits) -> None:
    was, new = before(pair, visits), pair.idle
    process = start(pair, other(pair), **STEPS)
    until_share(pair, new, 50, process)
    pair.steer(Steer.ABORT)
    was.back(visits, time.monotonic())
    turned_back(process, "a person said abort")
    was.unharmed()


def test_killed_between_two_weights_a_reconcile_sends_all_back(pair: Pair, visits: Visits) -> None:
    """The first rule has half of the requests for the new servers, the second one a tenth."""
    was, box = before(pair, visits), pair.world.box
    fault = box.fault("ModifyRule", "pause", nth=3, agent=PRODUCT, when="after")
    process = start(pair, other(pair), **STEPS)
    box.wait_paused(fault, RELEASE_SECONDS)
    process.kill()
    box.release(fault, drop=True)
    pair.world.report_crashed(process)
    assert pair.disorder() != []
    since = time.monotonic()
    assert "error" not in pair.world.reconcile()
    was.back(visits, since, 60)
    was.unharmed()


def test_another_launcher_takes_over_while_a_server_is_interrupted(
    pair: Pair, visits: Visits
) -> None:
    """One of the new servers, in a step: it leaves by itself, and its group launches another."""
    new = pair.idle
    process = start(
        pair, other(pair), GROUP, steps=["50 % for 90 s", "100 %"], bake_seconds=0, **STICKY
    )
    until_share(pair, new, 50, process)
    lost = next(iter(pair.world.account.targets(new)))
    pair.world.box.interrupt(lost, notice_seconds=30)
    until(process, lambda: lost not in pair.world.account.targets(new), "it to leave")
    made = released(process)
    truth = settled(pair)
    assert (pair.active, truth.fleet) == (new, made["fleet"])
    assert made["fleet"].startswith("spotkiln-")
    assert lost not in truth.members
    visits.whole()


def test_what_is_scaled_out_in_a_step_is_taken_over(pair: Pair, visits: Visits) -> None:
    old, new = settled(pair), pair.idle
    process = start(pair, other(pair), steps=["50 % for 30 s", "100 %"], bake_seconds=0, **STICKY)
    until_share(pair, new, 50, process)
    kept_by = "spot-fleet" if old.fleet.startswith("sfr-") else GROUP
    scale_out(pair.world, kept_by, old.fleet, 3)
    made = released(process)
    truth = settled(pair)
    assert (pair.active, truth.fleet, truth.capacity) == (new, made["fleet"], 3)
    visits.whole()


# -- one set of servers at two ports, each behind a load balancer of its own --


def at_two_ports(pair: Pair, ref: str, **traffic: Any) -> FlowProcess:
    """The same servers listen at a second port, for those inside: something small beside Rails."""
    given = pair.world.parameters(ref, "two ports")
    small = "ruby -run -e httpd -- --port=3001 --bind-address=0.0.0.0 public"
    given["app"]["processes"] = {"inside": {"start": small, "start_seconds": 5}}
    given["app"]["start_seconds"] = 300
    return pair.world.zygote.start(
        "release",
        {
            **given,
            "infra": {"target_group": SHOP, "also_behind": [INSIDE]},
            "gate": PATIENT,
            "traffic": {"bake_seconds": 0, **traffic},
        },
    )


def serve_both(pair: Pair) -> Truth:
    truth = settled(pair, SHOP)
    assert pair.world.account.targets(INSIDE) == dict.fromkeys(truth.members, "healthy")
    return truth


def test_a_red_canary_leaves_both_ports_and_the_next_release_serves_both(real: PairWorld) -> None:
    pair = Pair(real)
    released(at_two_ports(pair, "v1"))
    old, box = serve_both(pair), pair.world.box
    with ExitStack() as stack:
        loads = {x: stack.enter_context(Load(box.load_balancer(x))) for x in (SHOP, INSIDE)}
        # It asks the canary itself, and does not like the answer.
        check = "ruby -ropen-uri -e 'puts URI.open(ENV.fetch(%q(URL)) + %q(/up)).read; exit 3'"
        process = at_two_ports(
            pair, "v2", batches=["1 for 600 s", "100 %"], check=check, check_seconds=120
        )
        made = process.result(RELEASE_SECONDS)
        why = "turned back at batch 1 (1 server): the check did not end well"
        assert why in str(made), (made, process.tail(60))
        assert "ok" in process.log()
        assert serve_both(pair).members == old.members

        made = released(at_two_ports(pair, "v2", batches=["1 for 5 s", "100 %"]))
        assert serve_both(pair).fleet == made["fleet"] != old.fleet
    for name, load in loads.items():
        print(f"{name}: {load.sent} requests, {len(load.failures)} failed")
        assert load.failures == []
        assert load.sent > 100
