"""Replace servers of serving fleets that have been unhealthy for long."""

import logging
from datetime import timedelta

from prefect import task
from prefect.artifacts import create_markdown_artifact

from spotkiln import tags as t
from spotkiln.aws.bake.infra import target_groups
from spotkiln.aws.keep import lease as leases
from spotkiln.aws.serve import fleet as fleets
from spotkiln.aws.serve import instance as instances
from spotkiln.aws.serve import target as targets
from spotkiln.aws.serve.gate import with_health
from spotkiln.aws.serve.retire import drain
from spotkiln.aws.session import Aws, connect
from spotkiln.bake.infra import TargetGroup
from spotkiln.errors import SpotkilnError
from spotkiln.keep.reconcile import Action, Verb
from spotkiln.release.unhealthy import Sick, Watched, event_of, watch
from spotkiln.serve.fleet import Fleet
from spotkiln.serve.serving import newest_serving
from spotkiln.show.page import unhealthy_page
from spotkiln.tasks.events import emit
from spotkiln.tasks.step import CLOCK, STEP, say


def _look(aws: Aws, fleet: Fleet, group: TargetGroup, patience: timedelta) -> Watched:
    live = [one for one in instances.of_fleet(aws, fleet.id) if one.live]
    seen = with_health(live, targets.health(aws, group.arn))
    return watch(fleet, live, seen, now=aws.now(), patience=patience)


@task(name="replace server", task_run_name="replace {sick.instance}", **STEP)
def replace(region: str, fleet: Fleet, group: TargetGroup, sick: Sick) -> None:
    """Deregister, drain and terminate it; the fleet launches another. What it showed is kept."""
    aws = connect(region)
    console = instances.console(aws, sick.instance)
    say(f"replacing {sick.target}, unhealthy since {sick.since:%H:%M:%S} UTC")
    drain(aws, group.arn, {sick.instance}, group.deregistration_delay, CLOCK, say)
    instances.terminate(aws, [sick.instance])
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
    found = _look(aws, fleet, group, patience)
    if found.why:
        say(f"{fleet.id}: nothing is replaced: {found.why}", logging.WARNING)
    if not dry_run:
        instances.tag(aws, found.mark, {t.UNHEALTHY_SINCE: aws.now().isoformat(timespec="seconds")})
        instances.untag(aws, found.clear, t.UNHEALTHY_SINCE)
    if found.replace is None:
        return []
    sick = found.replace
    if not dry_run:
        replace(region, fleet, group, sick)
    return [
        Action(
            verb=Verb.REPLACE_SERVER,
            ids=(sick.instance,),
            why=f"{sick.target.health} since {sick.since:%Y-%m-%d %H:%M:%S} UTC",
            target_group=group.arn,
        )
    ]


def replace_unhealthy(
    region: str, target_group: str, seconds: int, *, dry_run: bool
) -> list[Action]:
    """In each target group (or the one of that name) that no release is at work in. What fails
    for one is said, and keeps nobody from the others."""
    if not seconds:
        return []
    aws = connect(region)
    serving = newest_serving(fleets.listing(aws))
    done: list[Action] = []
    for group in target_groups(aws) if serving else []:
        fleet = serving.get(group.arn)
        if fleet is None or target_group not in {"", group.name} or leases.read(aws, group.arn):
            continue
        try:
            patience = timedelta(seconds=seconds)
            done += look_after(region, fleet, group, patience, dry_run=dry_run)
        except SpotkilnError as error:
            say(f"could not look after {fleet.id}: {error}", logging.WARNING)
    return done
