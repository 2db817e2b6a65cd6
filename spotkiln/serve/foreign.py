"""Foreign: what serves a target group and is not ours, and what can be done about it.

A fleet may be adopted: after a promotion it is retired without loss, if a person asked for that.
What is kept by a service that is no launcher of ours, and single instances, are only named.
"""

from collections.abc import Collection, Iterable, Mapping

from spotkiln import tags as t
from spotkiln.noun import Noun
from spotkiln.serve.fleet import Fleet, name_of
from spotkiln.target import Instance

# What AWS itself puts on the instances of its other launchers.
LAUNCHERS = {"aws:autoscaling:groupName": "Auto Scaling group", "aws:ec2:fleet-id": "EC2 Fleet"}


class ForeignFleet(Noun):
    """A fleet without our tags. Its `capacity` is in instances, even if it counts in weights.
    `unfit` is the reason why it cannot be adopted; empty if it can."""

    fleet: Fleet
    unfit: str = ""


class Foreign(Noun):
    """`others` are what keeps instances there, such as `Auto Scaling group web`, with the ids of
    those instances. `instances` are those that nothing keeps."""

    fleets: tuple[ForeignFleet, ...] = ()
    others: dict[str, tuple[str, ...]] = {}  # noqa: RUF012 - pydantic copies defaults
    instances: tuple[str, ...] = ()

    @property
    def adoptable(self) -> list[Fleet]:
        return [one.fleet for one in self.fleets if not one.unfit]


def sort_out(
    target_group: str,
    fleets: Iterable[Fleet],
    members: Mapping[str, Iterable[Instance]],
    targets: Iterable[Instance],
    elsewhere: Mapping[str, Iterable[str]],
    also: Collection[str] = (),
) -> Foreign:
    """What serves a target group (by ARN), or one of those that its servers are `also` in, and is
    not ours.

    `fleets` are all of the region. `members` are the instances of those that may serve a group,
    by fleet. `targets` are the instances that are registered with one. `elsewhere` names the other
    target groups that an instance is registered with.
    """
    groups = {target_group, *also}
    every = {fleet.id: fleet for fleet in fleets}
    fleet_of = {one.id: fleet for fleet, found in members.items() for one in found}
    kept: dict[str, list[str]] = {}
    single, serving = [], set()
    for one in targets:
        fleet = every.get(fleet_of.get(one.id) or one.fleet)
        if fleet is not None:
            serving.add(fleet.id)
        elif launcher := _launcher(one):
            kept.setdefault(launcher, []).append(one.id)
        else:
            single.append(one.id)
    serving |= {x.id for x in every.values() if x.live and groups & {*x.target_groups}}
    found = [every[name] for name in sorted(serving) if every[name].phase is None]
    return Foreign(
        fleets=tuple(
            ForeignFleet(
                fleet=_in_instances(fleet, members),
                unfit=_unfit(fleet, groups, members, elsewhere),
            )
            for fleet in found
        ),
        others={name: tuple(sorted(ids)) for name, ids in sorted(kept.items())},
        instances=tuple(sorted(single)),
    )


def _launcher(instance: Instance) -> str:
    for tag, kind in LAUNCHERS.items():
        if name := instance.tags.get(tag):
            return f"{kind} {name}"
    return f"{instance.launcher} {instance.fleet}" if instance.fleet else ""


def _in_instances(fleet: Fleet, members: Mapping[str, Iterable[Instance]]) -> Fleet:
    """The fleet with its capacity in instances: a weighted fleet counts in units of its own."""
    if not fleet.weighted:
        return fleet
    count = sum(one.live for one in members.get(fleet.id, ()))
    return fleet.model_copy(update={"capacity": count})


def _unfit(
    fleet: Fleet,
    groups: Collection[str],
    members: Mapping[str, Iterable[Instance]],
    elsewhere: Mapping[str, Iterable[str]],
) -> str:
    if not fleet.live:
        return f"it is {fleet.status}: its instances are left, and nobody replaces them"
    if not {*groups} & {*fleet.target_groups}:
        return "its instances were registered by somebody else, not by the fleet itself"
    others = {name_of(arn) or arn for arn in fleet.target_groups if arn not in groups}
    others |= set(fleet.classic_load_balancers)
    others |= {name for one in members.get(fleet.id, ()) for name in elsewhere.get(one.id, ())}
    return f"it serves {', '.join(sorted(others))} too" if others else ""


def adoption_tags(release: str, target_group: str, fleet: Fleet) -> dict[str, str]:
    """The tags of an adopted fleet. They are written before its retirement begins, so that
    whoever comes later can finish it: it counts for `target_group` (ARN) alone, and leaves all that
    it is in."""
    further = " ".join(sorted(name_of(x) for x in fleet.target_groups if x != target_group))
    elsewhere = bool(fleet.target_groups) and target_group not in fleet.target_groups
    return {
        t.PHASE: "retiring",
        t.ADOPTED: release,
        t.TARGET_GROUP: name_of(target_group),
        **({t.ALSO_BEHIND: further} if further else {}),
        **({t.PAIR: target_group} if elsewhere else {}),
    }


def adopted(fleet: Fleet, release: str, target_group: str) -> Fleet:
    """The fleet as AWS tells of it once it has these tags."""
    marks = {**fleet.tags, **adoption_tags(release, target_group, fleet)}
    return Fleet.model_validate({**fleet.model_dump(), "tags": marks})


def in_words(foreign: Foreign, *, adopt: bool) -> list[str]:
    """A line for each: what it is, and what becomes of it."""
    return [
        *(_fleet(one, adopt=adopt) for one in foreign.fleets),
        *(
            f"{name} ({len(ids)} instances): left alone, it goes on serving; detach it from the "
            "target group, or end it, once the release serves"
            for name, ids in foreign.others.items()
        ),
        *(
            f"instance {name}: left alone, it goes on serving; deregister it once the release "
            "serves"
            for name in foreign.instances
        ),
    ]


def _fleet(one: ForeignFleet, *, adopt: bool) -> str:
    what = f"{one.fleet.launcher} {one.fleet.id} ({one.fleet.capacity} instances)"
    if one.unfit:
        return f"{what}: left alone, it goes on serving; it cannot be adopted: {one.unfit}"
    if adopt:
        return f"{what}: adopted, retired without loss once the release serves"
    return f"{what}: left alone, both serve; with infra.adopt a release retires it"
