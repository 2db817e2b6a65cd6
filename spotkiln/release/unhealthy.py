"""Unhealthy: which server of a fleet that serves is replaced, long after the gate.

A fleet itself replaces only servers that have ended. A server that runs and does not serve stays.
Since when it has been unhealthy is in a tag on it, which is removed once it is healthy again.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field

from spotkiln import tags as t
from spotkiln.moment import utc
from spotkiln.noun import Noun
from spotkiln.release.event import Event
from spotkiln.serve.fleet import Fleet
from spotkiln.target import Health, Instance, Target

# 0: nothing is replaced.
Patience = Annotated[int, Field(ge=0, le=7 * 86400)]
DEFAULT_SECONDS = 600

# Not the instance's fault: its zone is not enabled, or the load balancer has an error.
NOT_ITS_OWN = {"Target.NotInUse", "Target.IpUnusable", "Elb.InternalError"}
SICK = {Health.UNHEALTHY, Health.UNUSED, Health.UNREGISTERED}


class Sick(Noun):
    """A server that is unhealthy. `since` is when that was first seen; None: now."""

    instance: str
    target: Target
    since: datetime | None = None


class Watched(Noun):
    """What is to be done about a fleet's servers: `mark` these with a tag, `clear` the tag of
    those, `replace` one. `why` says why none is replaced although one has been unhealthy for
    long."""

    mark: tuple[str, ...] = ()
    clear: tuple[str, ...] = ()
    replace: Sick | None = None
    why: str = ""


def sick_since(instance: Instance) -> datetime | None:
    try:
        moment = datetime.fromisoformat(instance.tags.get(t.UNHEALTHY_SINCE, ""))
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def is_sick(target: Target) -> bool:
    return target.health in SICK and target.reason not in NOT_ITS_OWN


def watch(
    fleet: Fleet,
    members: Sequence[Instance],
    targets: Sequence[Target],
    *,
    now: datetime,
    patience: timedelta,
) -> Watched:
    """What is to be done now. One server is replaced at a time: the one that has been unhealthy
    longest, and only if others are healthy.

    `members` are the fleet's live instances, `targets` what the load balancer says of them, in any
    order. If a server is missing, starts or drains, nothing is replaced yet: another replacement is
    under way.
    """
    instances = {one.id: one for one in members}
    sick = [
        Sick(instance=one.instance, target=one, since=sick_since(instances[one.instance]))
        for one in targets
        if is_sick(one)
    ]
    # A younger server may still be booting, whatever the load balancer says of it.
    old = [one for one in sick if now - instances[one.instance].launched >= patience]
    healthy = [one for one in targets if one.health is Health.HEALTHY]
    marked = {name for name, one in instances.items() if t.UNHEALTHY_SINCE in one.tags}
    watched = Watched(
        mark=tuple(sorted(one.instance for one in sick if one.since is None)),
        clear=tuple(sorted(one.instance for one in healthy if one.instance in marked)),
    )
    long = [one for one in sick if one.since and now - one.since >= patience]
    if not long:
        return watched
    why = ""
    if not healthy:
        why = f"none of the {len(members)} servers is healthy: that is not theirs alone"
    elif len(healthy) + len(old) < fleet.capacity:
        why = f"of {fleet.capacity} servers {len(healthy)} are healthy, and others on their way"
    if why:
        return watched.model_copy(update={"why": why})
    oldest = min(long, key=lambda one: (one.since or now, one.instance))
    return watched.model_copy(update={"replace": oldest})


def event_of(fleet: Fleet, sick: Sick) -> Event:
    """The event that tells of a replaced server."""
    app = fleet.tags.get(t.APP, "")
    return Event(
        name="spotkiln.server.replaced",
        resource={
            "prefect.resource.id": f"spotkiln.app.{app}",
            "prefect.resource.name": app,
            "spotkiln.target-group": fleet.tags.get(t.TARGET_GROUP, ""),
        },
        payload={
            "app": app,
            "fleet": fleet.id,
            "release": fleet.release,
            "commit": fleet.commit,
            "instance": sick.instance,
            "health": str(sick.target),
            "since": utc(sick.since) if sick.since else "",
        },
    )
