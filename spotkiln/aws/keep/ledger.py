"""Reads from AWS what became of everything that a release has made."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from spotkiln import tags as t
from spotkiln.aws.bake import image as images
from spotkiln.aws.errors import aws_errors
from spotkiln.aws.serve import instance as instances
from spotkiln.aws.serve.launchers import launchers
from spotkiln.aws.session import Aws
from spotkiln.bake.own import builder_name, builder_names
from spotkiln.bake.twin import apart
from spotkiln.poll import Clock
from spotkiln.release.ledger import (
    GROUP,
    IMAGE,
    INSTANCE,
    KEY_PAIR,
    SNAPSHOT,
    VOLUME,
    Key,
    Made,
    fates,
    left_behind,
)
from spotkiln.release.release import LedgerEntry
from spotkiln.serve.fleet import State
from spotkiln.target import Instance

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import FilterTypeDef

# How many values a filter takes.
MOST = 200
LOOK_AGAIN_SECONDS = 3.0


def _filters(name: str, values: Iterable[str]) -> "Iterator[list[FilterTypeDef]]":
    """Filters for these values. A filter may name what is not there: that is no error."""
    wanted = sorted(values)
    for start in range(0, len(wanted), MOST):
        yield [{"Name": name, "Values": wanted[start : start + MOST]}]


def _groups(aws: Aws, release: str, asked: set[str]) -> list[Made]:
    """By the name that the release chose: no group is ever renamed."""
    named: list[FilterTypeDef] = [{"Name": "group-name", "Values": [builder_name(release)]}]
    with aws_errors(f"security groups of {release}"):
        answer = aws.ec2.describe_security_groups(Filters=named)
    found = [one["GroupId"] for one in answer["SecurityGroups"]]
    return [Made(kind=GROUP, id=name, exists=name in found) for name in {*asked, *found}]


def _key_pairs(aws: Aws, release: str, asked: set[str]) -> list[Made]:
    names = {*asked, *builder_names(release)}
    with aws_errors(f"key pairs of {release}"):
        found = {
            one.get("KeyName", "")
            for filters in _filters("key-name", names)
            for one in aws.ec2.describe_key_pairs(Filters=filters)["KeyPairs"]
        }
    return [Made(kind=KEY_PAIR, id=name, exists=name in found) for name in {*asked, *found}]


def _parts(aws: Aws, release: str, noted: Mapping[str, set[str]]) -> list[Made]:
    """What the release's fleets are made of."""
    each = launchers(aws)
    found = [part for part in each.parts(release) if part.ours]
    made = [Made(kind=part.kind, id=part.id, exists=True) for part in found]
    for kind in each.kinds_of_parts:
        unseen = noted.get(kind, set()) - {part.id for part in found}
        made += [Made(kind=kind, id=x, exists=each.has_part(kind, x)) for x in unseen]
    return made


def _fleets(
    aws: Aws, release: str, noted: Mapping[str, set[str]]
) -> tuple[list[Made], list[Instance]]:
    """What became of the release's fleets, and their instances. A fleet whose end has begun counts
    as gone: its instances are listed on their own. So are those of a fleet that AWS does not list
    yet."""
    made, members = [], []
    for one in launchers(aws).each:
        asked = noted.get(one.resource, set())
        told = one.listing({t.RELEASE: release})
        fleets = [x for x in told if x.release == release or x.id in asked]
        # Somebody may have taken its tag away.
        untold = (one.find(x) for x in sorted(asked - {y.id for y in told}))
        fleets += [found for found in untold if found]
        made += [
            Made(kind=one.resource, id=x.id, exists=not x.gone and x.state is not State.ENDING)
            for x in fleets
        ]
        unseen = asked - {x.id for x in fleets}
        made += [Made(kind=one.resource, id=x, exists=False) for x in unseen]
        members += [x for name in {*asked, *(f.id for f in fleets)} for x in one.members(name)]
    return made, members


def _instances(aws: Aws, release: str, asked: set[str], members: list[Instance]) -> list[Instance]:
    found = [*instances.builders_of(aws, release), *members]
    known = {one.id for one in found}
    return found + instances.by_id(aws, asked - known)


def _lone_volumes(aws: Aws, release: str) -> list[str]:
    """Volumes that carry the release's tag and belong to no machine: they outlived it."""
    filters: list[FilterTypeDef] = [
        {"Name": f"tag:{t.RELEASE}", "Values": [release]},
        {"Name": "status", "Values": ["available"]},
    ]
    with aws_errors(f"volumes of {release}"):
        pages = aws.ec2.get_paginator("describe_volumes").paginate(Filters=filters)
        return [one["VolumeId"] for page in pages for one in page["Volumes"]]


def _volumes(aws: Aws, of: dict[str, str], attached: set[str], ending: set[str]) -> list[Made]:
    """`of` names the owner of each volume. Those in `attached` are there: EC2 deletes none that is
    in use. Those in `ending` go with machines that end already."""
    with aws_errors("volumes"):
        found = attached | {
            one.get("VolumeId", "")
            for filters in _filters("volume-id", of.keys() - attached - ending)
            for page in aws.ec2.get_paginator("describe_volumes").paginate(Filters=filters)
            for one in page["Volumes"]
            if one.get("State") not in {"deleting", "deleted"}
        }
    return [Made(kind=VOLUME, id=x, exists=x in found - ending, owner=of[x]) for x in of]


def _images(aws: Aws, release: str, name: str, asked: set[str]) -> list[Made]:
    found = apart(images.of_release(aws, release, name))
    found += images.by_id(aws, asked - {one.id for one in found})
    made = [Made(kind=IMAGE, id=one.id, exists=True) for one in found]
    made += [
        Made(kind=SNAPSHOT, id=snapshot, exists=True, owner=one.id)
        for one in found
        for snapshot in images.snapshots_of(aws, one)
    ]
    gone = asked - {one.id for one in found}
    return made + [Made(kind=IMAGE, id=one, exists=False) for one in gone]


def _snapshots(aws: Aws, release: str, asked: set[str], of_images: set[str]) -> list[Made]:
    with aws_errors(f"snapshots of {release}"):
        found = {
            one["SnapshotId"]
            for filters in _filters("snapshot-id", asked)
            for page in aws.ec2.get_paginator("describe_snapshots").paginate(
                OwnerIds=["self"], Filters=filters
            )
            for one in page["Snapshots"]
        } | set(images.snapshots_of_release(aws, release))
    return [
        Made(kind=SNAPSHOT, id=name, exists=name in found) for name in {*asked, *found} - of_images
    ]


def read_back(aws: Aws, release: str, name: str, asked: Iterable[Key]) -> list[Made]:
    """Everything that the release asked for. And what carries its tag, or a name that it chose: the
    answer to a request may have been lost. `name` is that of its image."""
    noted: dict[str, set[str]] = {}
    for kind, one in asked:
        noted.setdefault(kind, set()).add(one)

    def of(kind: str) -> set[str]:
        return noted.get(kind, set())

    made, members = _fleets(aws, release, noted)
    machines = _instances(aws, release, of(INSTANCE), members)
    made += [Made(kind=INSTANCE, id=one.id, exists=one.stays, owner=one.fleet) for one in machines]
    unseen = of(INSTANCE) - {one.id for one in machines}
    made += [Made(kind=INSTANCE, id=one, exists=False) for one in unseen]
    volumes = dict.fromkeys({*of(VOLUME), *_lone_volumes(aws, release)}, "")
    volumes |= {x: one.fleet or one.id for one in machines for x in one.volumes}
    ending = {x for one in machines if not one.stays for x in one.own_volumes}
    attached = {x for one in machines if one.stays for x in one.volumes}
    made += _volumes(aws, volumes, attached, ending)
    made += _images(aws, release, name, of(IMAGE))
    made += _snapshots(aws, release, of(SNAPSHOT), {one.id for one in made if one.kind == SNAPSHOT})
    made += _parts(aws, release, noted)
    made += _groups(aws, release, of(GROUP))
    return made + _key_pairs(aws, release, of(KEY_PAIR))


def read_ledger(
    aws: Aws,
    release: str,
    name: str,
    requested: Iterable[Key],
    kept: Mapping[str, str],
    *,
    clock: Clock,
    patience_seconds: float,
) -> tuple[LedgerEntry, ...]:
    """Created = kept + destroyed, as AWS tells it. `kept` says why something stays, by id.

    What seems to be left behind is looked at again for `patience_seconds`: AWS may go on telling of
    what has gone.
    """
    keys, end = list(requested), clock.now() + patience_seconds
    while True:
        entries = fates(read_back(aws, release, name, keys), kept)
        if not left_behind(entries) or clock.now() >= end:
            return entries
        clock.sleep(LOOK_AGAIN_SECONDS)
