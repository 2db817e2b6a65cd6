"""The steps that find what nobody owns, and finish or undo it."""

from collections.abc import Iterable

from prefect import State, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.states import Completed

from spotkiln.aws.keep import carry_out as carrying
from spotkiln.aws.keep import reconcile as finding
from spotkiln.aws.keep.living import read_claims, remove_dead
from spotkiln.aws.session import connect
from spotkiln.errors import InfrastructureError, SpotkilnError
from spotkiln.keep import housekeeping
from spotkiln.keep.action import Action, Verb
from spotkiln.keep.housekeeping import NOT_PUT_OFF, Delayed, Reconciled, reconcile_page
from spotkiln.keep.preview import Preview
from spotkiln.prefect_api import artifact
from spotkiln.prefect_api.connection import ask
from spotkiln.prefect_api.run_list import ended_runs
from spotkiln.tasks.keep import takedown
from spotkiln.tasks.step import CLOCK, STEP, not_urgent, say

FIND = "find what nobody owns"
FINDS = "1 look up: what nobody owns"


@task(name=FIND, task_run_name=FINDS, **STEP)
def find_unowned(region: str, target_group: str) -> Reconciled:
    """What there is to do for a target group (its name), or everywhere. Reads only."""
    aws = connect(region)
    claims = read_claims(aws, ended_runs, [target_group] if target_group else None)
    return finding.find_unowned(aws, claims, target_group, ended=ended_runs, say=say)


@task(name=FIND, task_run_name=FINDS, **STEP)
def find_after_the_dead(region: str, target_group: str, arn: str = "") -> Reconciled:
    """The same, once the leases of the dead are removed. `arn` is the target group's, if it is
    known."""
    aws = connect(region)
    named, known = [target_group] if target_group else None, [arn] if arn else []
    claims = read_claims(aws, ended_runs, named, known)
    remove_dead(aws, claims)
    return finding.find_unowned(aws, claims, target_group, ended=ended_runs, say=say)


@task(name="carry out", task_run_name="{action.verb}", **STEP)
def carry_out(region: str, action: Action) -> None:
    """One action."""
    carrying.carry_out(connect(region), action, clock=CLOCK, say=say)


# What can be put off is not tried again at once: a person may wait for the release behind it.
carry_out_once = carry_out.with_options(retries=0)


@task(name="take down", task_run_name="take down", **STEP)
def take_down(region: str, action: Action) -> None:
    """Finish a takedown that was begun."""
    takedown.go_on(region, action.target_group)
    say(f"done: {action}")


def clear_up(
    region: str, target_group: str = "", *, arn: str = "", takedowns: bool = False
) -> Reconciled:
    """Finish or undo what nobody owns, for a target group (its name, and its ARN, if that is known)
    or everywhere; see `spotkiln.keep.housekeeping`. A takedown is finished only with `takedowns`: a
    release that finds one in its target group must not be the one that takes it down.

    Raises:
        InfrastructureError: something that concerns what serves could not be cleared up.
    """

    def do(action: Action) -> None:
        if action.verb is not Verb.TAKE_DOWN:
            (carry_out if action.verb in NOT_PUT_OFF else carry_out_once)(region, action)
        elif takedowns:
            take_down(region, action)
        else:
            raise InfrastructureError("reconcile finishes that first; start this run again then")

    def put_off(action: Action, error: SpotkilnError) -> Delayed:
        return carrying.postpone(connect(region), action, error, say)

    return housekeeping.clear_up(
        lambda: find_after_the_dead(region, target_group, arn), do, put_off
    )


def clear_up_previews(region: str, begun: Iterable[Preview]) -> None:
    """Go on with removals that were begun, each for itself: one may have a release under way."""
    for one in begun:
        with not_urgent(f"remove the {one}", "reconcile does it"):
            clear_up(region, one.name)


def state_of(found: Reconciled) -> "State[Reconciled]":
    """Completed, under the name of what came of it."""
    name, message = housekeeping.ending(found)
    return Completed(name=name, message=message, data=found)


@task(name="publish what was reconciled", cache_policy=NO_CACHE, retries=2, retry_delay_seconds=1)
def publish(region: str, found: Reconciled, *, always: bool = False) -> None:
    """As an artifact, if it has changed since the last time, or `always`. Reconcile runs every ten
    minutes, and what nobody can clear up is found each time."""
    key, page = f"reconcile-{region}", reconcile_page(found)
    last = None if always else ask(artifact.latest, key)
    if always or page != (last or reconcile_page(Reconciled())):
        create_markdown_artifact(key=key, markdown=page, description=f"Reconcile of {region}")
