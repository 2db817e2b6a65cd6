"""What serves an application, since when, how healthy, and who waits for its turn."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from rich.table import Table

from spotkiln.aws.bake import image as images
from spotkiln.aws.bake import infra as aws_infra
from spotkiln.aws.keep import lease as leases
from spotkiln.aws.serve import instance as instances
from spotkiln.aws.serve import target as targets
from spotkiln.aws.serve.launchers import launchers
from spotkiln.aws.session import connect, resolve_region
from spotkiln.bake.infra import TargetGroup
from spotkiln.cli.output import columns, moment
from spotkiln.errors import SpotkilnError
from spotkiln.keep.lease import Lease, Stage, queue
from spotkiln.noun import Noun
from spotkiln.prefect_api import of_image
from spotkiln.prefect_api.connection import ask
from spotkiln.prefect_api.of_image import What
from spotkiln.prefect_api.run_list import ended_runs
from spotkiln.release.freeze import frozen
from spotkiln.release.release import ReleaseSpec
from spotkiln.release.vulnerabilities import Known, in_words
from spotkiln.serve.fleet import Fleet, name_of
from spotkiln.serve.serving import serving
from spotkiln.target import Health, Instance, Server, Target, in_all, in_any, server_of


class Turn(Noun):
    """Who holds the target group, or waits for it. `since` is UTC."""

    release: str
    run: str
    holds: bool
    stage: str
    since: datetime


class Status(Noun):
    """`also` are the further target groups that the fleet serves. `since` is when it was promoted,
    in UTC. `held` are the commits that a rollback has left, which no release brings back unasked;
    `suspect` tells when, where and why a verdict has blamed the image that serves; `frozen` until
    when nothing is released; `vulnerabilities` tells what was known of that image's contents when
    it was looked up last."""

    app: str
    region: str
    target_group: str
    also: tuple[str, ...] = ()
    fleet: str = ""
    release: str = ""
    image: str = ""
    commit: str = ""
    held: tuple[str, ...] = ()
    suspect: str = ""
    frozen: str = ""
    vulnerabilities: tuple[str, ...] = ()
    since: datetime | None = None
    capacity: int = 0
    servers: tuple[Server, ...] = ()
    turns: tuple[Turn, ...] = ()

    @property
    def healthy(self) -> int:
        """Of the fleet that serves."""
        return sum(one.health is Health.HEALTHY and one.fleet == self.fleet for one in self.servers)

    @property
    def well(self) -> bool:
        return bool(self.fleet) and self.healthy >= self.capacity


def servers(
    groups: Mapping[str, Mapping[str, Target]], members: Iterable[Instance], fleet: str
) -> tuple[Server, ...]:
    """Every target of the groups (by name), and every live instance of the fleet, as it is in all
    of them: it may be no target yet."""
    known = {one.id: one for one in members}
    own = [one.id for one in known.values() if one.live and one.fleet == fleet]
    found = {**in_any(groups), **{one.instance: one for one in in_all(own, groups)}}
    return tuple(server_of(target, known.get(name)) for name, target in sorted(found.items()))


def stage_of(lease: Lease) -> str:
    """What a release does with its turn. A rollback with --take-turn may take the turn of one that
    `holds` it, but not of one that has `launched` servers."""
    return "gives way" if lease.stage is Stage.HOLDS and not lease.acts else str(lease.stage)


def assess(
    spec: ReleaseSpec,
    region: str,
    group: TargetGroup,
    current: Fleet | None,
    found: tuple[Server, ...],
    line: Iterable[Lease],
    now: datetime,
) -> Status:
    turns = tuple(
        Turn(
            release=one.release, run=one.run, holds=one.acts, stage=stage_of(one), since=one.ticket
        )
        for one in line
    )
    status = Status(
        app=spec.app.name,
        region=region,
        target_group=group.name,
        frozen=str(frozen(spec.freeze, now) or ""),
        servers=found,
        turns=turns,
    )
    if current is None:
        return status
    return status.model_copy(
        update={
            "fleet": current.id,
            "also": tuple(map(name_of, current.also)),
            "release": current.release,
            "image": current.image,
            "commit": current.commit,
            "since": current.order[0],
            "held": current.held,
            "capacity": current.capacity,
        }
    )


def look(spec: ReleaseSpec) -> Status:
    """As AWS tells it now. Changes nothing."""
    aws = connect(resolve_region(spec.infra.region))
    group = aws_infra.target_group(aws, spec.infra.target_group)
    each = launchers(aws)
    current = next(iter(serving(each.at(group.name), group.arn)), None)
    members = [
        *each.claimed(one for page in instances.tagged(aws) for one in page),
        *(each.members(current) if current else ()),
    ]
    where = (current.registered if current else "") or group.arn
    also = current.also if current else ()
    seen = targets.healths(aws, [where], also)
    found = servers(seen, members, current.id if current else "")
    claims = leases.read(aws, group.arn)
    ended = ended_runs(one.run for one in claims) if claims else frozenset()
    now = aws.now()
    status = assess(spec, aws.region, group, current, found, queue(claims, now, ended), now)
    image = images.describe(aws, current.image) if current else None
    return status.model_copy(
        update={
            "suspect": image.suspect if image else "",
            "vulnerabilities": known(spec, current.image, now) if current else (),
        }
    )


def known(spec: ReleaseSpec, image: str, now: datetime) -> tuple[str, ...]:
    """What was known of the image's contents when it was looked up last."""
    if not spec.vulnerabilities.asked:
        return ()
    try:
        text = ask(of_image.read, What.VULNERABILITIES, image)
    except SpotkilnError as error:
        return (f"known vulnerabilities: {error}",)
    found = Known.parse(text) if text else None
    if found is None:
        return ("known vulnerabilities: not looked up yet; a release or the night does it",)
    return tuple(in_words(found, spec.vulnerabilities, now.date()))


def lines(status: Status) -> list[str]:
    """What serves, in words."""
    further = f" and {', '.join(status.also)}" if status.also else ""
    where = f"target group {status.target_group}{further} in {status.region}"
    frozen = [f"{status.frozen}: a release waits until then"] if status.frozen else []
    if not (status.fleet and status.since):
        return [f"{status.app}: nothing of ours serves {where}", *frozen]
    found = [
        f"{status.app}: {status.fleet} serves {where} since {moment(status.since)}",
        f"commit {status.commit[:12]}, image {status.image}, release {status.release}",
        f"{status.healthy} of {status.capacity} healthy",
    ]
    if status.suspect:
        found.append(f"its image is suspect: {status.suspect}")
    if status.held:
        commits = ", ".join(status.held)
        found.append(f"held, until a newer commit is released: {commits} (spotkiln unhold)")
    return [*found, *status.vulnerabilities, *frozen]


def parts(status: Status) -> list[str | Table]:
    """All that is shown of it: words and tables."""
    found: list[str | Table] = ["\n".join(lines(status))]
    if status.servers:
        # The fleet that serves is named above.
        rows = (
            (
                *(x.instance, x.state, x.reason, x.type, x.zone, "spot" if x.spot else ""),
                "serving" if x.fleet and x.fleet == status.fleet else x.fleet,
            )
            for x in status.servers
        )
        header = ["INSTANCE", "HEALTH", "REASON", "TYPE", "ZONE", "SPOT", "FLEET"]
        found += ["", columns(header, rows)]
    if status.turns:
        waiting = ((x.release, x.stage, x.run) for x in status.turns)
        found += ["", columns(["RELEASE", "TURN", "RUN"], waiting)]
    return found
