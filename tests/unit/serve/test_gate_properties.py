"""What must hold for whatever the gate is shown."""

from collections.abc import Mapping, Sequence

from hypothesis import given
from hypothesis import strategies as st

from spotkiln.aws.serve.spot_fleet.answer import STATES
from spotkiln.serve.gate import BLAMES_IMAGE, Cause, GateOutcome, Limits
from spotkiln.serve.judge import judge
from spotkiln.serve.observation import Observation
from spotkiln.target import Health, Instance, Target
from tests.unit.looks import INTERRUPTED, OWN_END
from tests.unit.nouns import instance, server, target

NAMES = [f"i-{n}" for n in range(5)]
REASONS = [
    "",
    "Elb.InternalError",
    "Target.Timeout",
    "Target.NotInUse",
    "Target.HealthCheckDisabled",
]
ENDS = [
    "",
    INTERRUPTED,
    OWN_END,
    "Server.InternalError",
    "Client.InternalError",
    "Client.UserInitiatedShutdown",
]

limits_ = st.builds(
    Limits,
    polls=st.integers(1, 4),
    settle=st.floats(0, 20),
    recovery=st.floats(0, 100),
    slow_start=st.sampled_from([0.0, 0.0, 30.0]),
    every_zone=st.booleans(),
    fulfilment=st.floats(1, 300),
    grace=st.floats(0, 100),
    health=st.floats(1, 300),
    losses=st.integers(0, 3),
    flaps=st.integers(0, 3),
)
live = st.builds(target, st.just(""), st.sampled_from(Health), st.sampled_from(REASONS))
ended_ = st.sampled_from(ENDS)
# What serves beside: its members are never the new fleet's.
controls = st.lists(st.sampled_from(Health), max_size=3)
members = st.dictionaries(st.sampled_from(NAMES), st.one_of(live, ended_))
steps = st.lists(
    st.tuples(
        st.floats(0, 120),
        members,
        st.sampled_from(["active"] * 6 + ["submitted", "modifying", "cancelled", "failed"]),
        controls,
    ),
    min_size=1,
    max_size=9,
)


def observations(
    taken: Sequence[tuple[float, Mapping[str, Target | str], str, list[Health]]],
) -> list[Observation]:
    """Looks at members that are live with a health, or ended for a reason."""
    seen = []
    at = 0.0
    for pause, found, state, serving in taken:
        at += pause
        instances: list[Instance] = []
        targets: list[Target] = []
        for name, one in found.items():
            if isinstance(one, Target):
                instances.append(instance(name))
                targets.append(one.model_copy(update={"instance": name}))
            else:
                instances.append(instance(name, "terminated", one))
        seen.append(
            Observation(
                at=at,
                state=STATES[state],
                status=state,
                instances=tuple(instances),
                targets=tuple(targets),
                control=tuple(server(f"i-old-{n}", health=one) for n, one in enumerate(serving)),
            )
        )
    return seen


# Mostly healthy, so that the way to `healthy` is often gone.
calm = st.lists(
    st.tuples(
        st.floats(0, 10),
        st.dictionaries(
            st.sampled_from(NAMES),
            st.builds(target, st.just(""), st.sampled_from([Health.HEALTHY] * 9 + [*Health])),
            min_size=3,
        ),
        st.just("active"),
        st.just([Health.HEALTHY]),
    ),
    min_size=1,
    max_size=8,
)
any_sequence = st.one_of(steps, calm).map(observations)


def _serves(seen: list[Observation]) -> bool:
    return any(x.health is Health.HEALTHY for look in seen for x in look.control)


@given(limits_, st.integers(0, 3), any_sequence)
def test_healthy_only_if_all_looks_for_long_enough_had_the_same_instances_healthy(
    limits: Limits, capacity: int, seen: list[Observation]
) -> None:
    verdict = judge(limits, capacity, seen)
    enough = max(limits.settle, limits.slow_start if _serves(seen) else 0)
    steady: set[str] = set()
    # Beginning with each look that is old enough: those that were healthy from there to the end.
    for start, look in enumerate(seen):
        if seen[-1].at - look.at >= enough:
            steady |= set(NAMES).intersection(
                *({x.instance for x in y.targets if x.health == "healthy"} for y in seen[start:])
            )
    proved = len(steady) >= max(capacity, 1)
    if verdict.outcome is GateOutcome.HEALTHY:
        assert proved
        assert verdict.cause is Cause.HEALTHY
    elif proved:
        # Only something that went wrong may stand between proof and passing, or a zone.
        assert verdict.outcome is GateOutcome.FAILED or limits.every_zone


@given(limits_, st.integers(1, 3), any_sequence, st.floats(0.001, 1000))
def test_it_always_ends(
    limits: Limits, capacity: int, seen: list[Observation], beyond: float
) -> None:
    last = seen[-1].model_copy(update={"at": max(limits.ceiling, seen[-1].at) + beyond})
    assert judge(limits, capacity, [*seen, last]).outcome is not GateOutcome.WAITING


@given(limits_, st.integers(1, 3), any_sequence)
def test_every_failure_says_what_was_seen_and_what_to_do(
    limits: Limits, capacity: int, seen: list[Observation]
) -> None:
    verdict = judge(limits, capacity, seen)
    assert verdict.detail
    if verdict.outcome is GateOutcome.FAILED:
        assert verdict.advice
        assert verdict.cause not in {Cause.HEALTHY, Cause.SETTLING}


@given(limits_, st.integers(1, 3), any_sequence)
def test_the_image_is_only_blamed_for_what_its_application_did(
    limits: Limits, capacity: int, seen: list[Observation]
) -> None:
    if judge(limits, capacity, seen).cause in BLAMES_IMAGE:
        answered_badly = any(x.health is Health.UNHEALTHY for o in seen for x in o.targets)
        ended_itself = any(x.lost_by == OWN_END for o in seen for x in o.instances)
        assert answered_badly or ended_itself


@given(limits_, st.integers(1, 3), any_sequence, st.integers(1, 3))
def test_no_image_is_blamed_while_what_serves_is_unhealthy_too(
    limits: Limits, capacity: int, seen: list[Observation], others: int
) -> None:
    sick = tuple(server(f"i-old-{n}", health=Health.UNHEALTHY) for n in range(others))
    worse = [one.model_copy(update={"control": sick}) for one in seen]
    well = [one.model_copy(update={"control": ()}) for one in seen]
    told, alone = judge(limits, capacity, worse), judge(limits, capacity, well)
    assert told.cause not in BLAMES_IMAGE
    assert told.outcome is alone.outcome
    if alone.cause in BLAMES_IMAGE:
        assert told.cause is Cause.OUTSIDE


@given(limits_, st.integers(1, 3), any_sequence)
def test_interruptions_alone_never_fail_it_within_its_deadlines(
    limits: Limits, capacity: int, seen: list[Observation]
) -> None:
    """However many instances EC2 takes back: what it ended is as good as never launched."""
    taken = tuple(instance(f"i-taken-{n}", "terminated", INTERRUPTED) for n in range(9))
    more = [one.model_copy(update={"instances": one.instances + taken}) for one in seen]
    assert judge(limits, capacity, more).outcome is judge(limits, capacity, seen).outcome
