"""Which target group of a pair the new servers join, and how they get their requests."""

from collections.abc import Callable

from prefect import State, task
from prefect.states import Completed

from spotkiln.aws.bake import infra as aws_infra
from spotkiln.aws.serve import hand_over as hand_over_notes
from spotkiln.aws.serve.shift import choose_group, hand_over
from spotkiln.aws.serve.steer import ask
from spotkiln.aws.session import connect
from spotkiln.bake.infra import Infra
from spotkiln.noun import Noun
from spotkiln.serve.fleet import Fleet
from spotkiln.serve.stepping import WHAT, Steer, StepTaken
from spotkiln.serve.traffic import Traffic
from spotkiln.tasks.progress import Bar
from spotkiln.tasks.step import CLOCK, STEP, say


@task(name="choose the group", task_run_name="4 launch: choose the target group", **STEP)
def choose_idle(infra: Infra, serving: list[Fleet]) -> Infra:
    """To launch into the target group of the pair that gets no requests."""
    found = choose_group(connect(infra.region), infra, serving)
    say(f"the new servers join {found.target_group.name}, which gets no requests yet")
    return found


def require_idle(infra: Infra, serving: list[Fleet]) -> None:
    """Of a pair one target group must get no requests, before anything is spent."""
    if infra.second:
        look = choose_idle.with_options(task_run_name="1 look up: the idle target group")
        look(infra, serving)


@task(name="end the hand-over", task_run_name="5 retire: end the hand-over", **STEP)
def end_hand_over(infra: Infra, release: str) -> None:
    """The release is promoted: its weights stay."""
    hand_over_notes.end(connect(infra.region), infra.home.arn, release)


class Steered(Noun):
    """`asked` of the release by a person."""

    release: str
    fleet: str
    asked: Steer


@task(name="ask the release", task_run_name="ask the release", **STEP)
def ask_release(region: str, target_group: str, word: Steer) -> Steered:
    """Leave a person's word where the release that hands requests over reads it.

    Raises:
        InputError: no release of this target group (its name) does.
    """
    aws = connect(region)
    fleet = ask(aws, aws_infra.target_group(aws, target_group), word)
    say(f"{fleet.release} is asked: within seconds it {WHAT[word]}")
    return Steered(release=fleet.release, fleet=fleet.id, asked=word)


def state_of(found: Steered) -> "State[Steered]":
    """Completed, with what is to be expected."""
    message = f"{found.release} is asked: within seconds it {WHAT[found.asked]}"
    return Completed(message=message, data=found)


# No retries: what went wrong has gone back, and the servers are taken away.
@task(name="traffic", task_run_name="4 launch: traffic", cache_policy=STEP["cache_policy"])
def shift_traffic(
    fleet: Fleet,
    infra: Infra,
    traffic: Traffic,
    check: Callable[[], None],
    trial: Callable[[int], None] | None = None,
) -> tuple[StepTaken, ...]:
    """Hand the requests over to the new servers step by step, and watch over them for the bake
    time; tells how it went. `check` raises if the turn was lost; `trial` is the application's own,
    in each step, with its percent."""
    return hand_over(
        connect(infra.region),
        fleet,
        infra,
        traffic,
        clock=CLOCK,
        check=check,
        say=say,
        progress=Bar("traffic").to,
        trial=trial,
    )
