"""What must hold for whatever the gate is shown."""

from collections.abc import Mapping, Sequence

from hypothesis import given
from hypothesis import strategies as st

from spotkiln.gate import BLAMES_IMAGE, Cause, Limits, Observation, Outcome
from spotkiln.judge import judge
from spotkiln.target import Health, Instance, Target
from tests.unit.looks import INTERRUPTED, OWN_END
from tests.unit.nouns import instance, target

NAMES = [f"i-{n}" for n in range(5)]
REASONS = [
    "",
    "Elb.InternalError",
    "Target.Timeout",
    "Target.NotInUse",
    "Target.HealthCheckDisabled",
]
ENDS = ["", INTERRUPTED, OWN_END, "Server.InternalError"]

limits_ = st.builds(
    Limits,
    polls=st.integers(1, 4),
    fulfilment=st.floats(1, 300),
    grace=st.floats(0, 100),
    health=st.floats(1, 300),
    losses=st.integers(0, 3),
    flaps=st.integers(0, 3),
)
live = st.builds(target, st.just(""), st.sampled_from(Health), st.sampled_from(REASONS))
ended_ = st.sampled_from(ENDS)
members = st.dictionaries(st.sampled_from(NAMES), st.one_of(live, ended_))
steps = st.lists(
    st.tuples(
        st.floats(0, 120),
        members,
        st.sampled_from(["active"] * 6 + ["submitted", "modifying", "cancelled", "failed"]),
    ),
    min_size=1,
    max_size=9,
)


def observations(
    taken: Sequence[tuple[float, Mapping[str, Target | str], str]],
) -> list[Observation]:
    """Looks at members that are live with a health, or ended for a reason."""
    seen = []
    at = 0.0
    for pause, found, state in taken:
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
                at=at, fleet_state=state, instances=tuple(instances), targets=tuple(targets)
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
    ),
    min_size=1,
    max_size=8,
)
any_sequence = st.one_of(steps, calm).map(observations)


@given(limits_, st.integers(0, 3), any_sequence)
def test_healthy_only_if_the_last_looks_each_had_the_same_instances_healthy(
    limits: Limits, capacity: int, seen: list[Observation]
) -> None:
    verdict = judge(limits, capacity, seen)
    steady = set(NAMES)
    for look in seen[-limits.polls :]:
        steady &= {x.instance for x in look.targets if x.health == "healthy"}
    proved = len(seen) >= limits.polls and len(steady) >= max(capacity, 1)
    if verdict.outcome is Outcome.HEALTHY:
        assert proved
        assert verdict.cause is Cause.HEALTHY
    elif proved:
        # Only something that went wrong may stand between proof and passing.
        assert verdict.outcome is Outcome.FAILED


@given(limits_, st.integers(1, 3), any_sequence, st.floats(0.001, 1000))
def test_it_always_ends(
    limits: Limits, capacity: int, seen: list[Observation], beyond: float
) -> None:
    last = seen[-1].model_copy(update={"at": max(limits.ceiling, seen[-1].at) + beyond})
    assert judge(limits, capacity, [*seen, last]).outcome is not Outcome.WAITING


@given(limits_, st.integers(1, 3), any_sequence)
def test_every_failure_says_what_was_seen_and_what_to_do(
    limits: Limits, capacity: int, seen: list[Observation]
) -> None:
    verdict = judge(limits, capacity, seen)
    assert verdict.detail
    if verdict.outcome is Outcome.FAILED:
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


@given(limits_, st.integers(1, 3), any_sequence)
def test_interruptions_alone_never_fail_it_within_its_deadlines(
    limits: Limits, capacity: int, seen: list[Observation]
) -> None:
    """However many instances EC2 takes back: what it ended is as good as never launched."""
    taken = tuple(instance(f"i-taken-{n}", "terminated", INTERRUPTED) for n in range(9))
    more = [one.model_copy(update={"instances": one.instances + taken}) for one in seen]
    assert judge(limits, capacity, more).outcome is judge(limits, capacity, seen).outcome
