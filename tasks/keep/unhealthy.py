"""The steps that replace servers of serving fleets which have been unhealthy for long."""

import logging
from datetime import timedelta

from prefect import task
from prefect.artifacts import create_markdown_artifact

from spotkiln.aws.keep import unhealthy
from spotkiln.aws.session import connect
from spotkiln.bake.infra import TargetGroup
from spotkiln.errors import SpotkilnError
from spotkiln.keep.action import Action, Verb
from spotkiln.moment import utc
from spotkiln.release.unhealthy import Sick, event_of
from spotkiln.serve.fleet import Fleet
from spotkiln.show.evidence import unhealthy_page
from spotkiln.tasks.events import emit
from spotkiln.tasks.step import CLOCK, STEP, say


@task(name="replace server", task_run_name="replace {sick.instance}", **STEP)
def replace(region: str, fleet: Fleet, group: TargetGroup, sick: Sick) -> None:
    """Take it away without loss; the fleet launches another. What it showed is kept."""
    console = unhealthy.replace(connect(region), fleet, group, sick, CLOCK, say)
    emit(event_of(fleet, sick))
    create_markdown_artifact(
        key=f"unhealthy-{sick.instance}", markdown=unhealthy_page(fleet, sick, console)
    )


@task(name="look at servers", task_run_name="1 look up: servers of {fleet.id}", **STEP)
def look_after(
    region: str, fleet: Fleet, group: TargetGroup, patience: timedelta, *, dry_run: bool
) -> list[Action]:
    """What is done about one fleet, at most one server; with `dry_run` only said."""
    aws = connect(region)
    found = unhealthy.look(aws, fleet, group, patience, say)
    if not dry_run:
        unhealthy.write_down(aws, found)
    if found.replace is None:
        return []
    sick = found.replace
    if not dry_run:
        replace(region, fleet, group, sick)
    return [
        Action(
            verb=Verb.REPLACE_SERVER,
            ids=(sick.instance,),
            why=f"{sick.target.state} since {utc(sick.since) if sick.since else 'now'}",
            target_group=group.arn,
        )
    ]


def replace_unhealthy(
    region: str, target_group: str, seconds: int, *, dry_run: bool
) -> list[Action]:
    """Replace servers in each target group (or in the one of that name) that no release works on;
    for 0 `seconds` in none. A failure in one is said, and the others are looked at even so."""
    done: list[Action] = []
    patience = timedelta(seconds=seconds)
    for fleet, group in unhealthy.left_alone(connect(region), target_group) if seconds else ():
        try:
            done += look_after(region, fleet, group, patience, dry_run=dry_run)
        except SpotkilnError as error:
            say(f"could not look after {fleet.id}: {error}", logging.WARNING)
    return done
