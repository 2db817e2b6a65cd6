"""Reads back from AWS what a release has made: the ledger's truth."""

from collections.abc import Mapping

from spotkiln.aws import fleet as fleets
from spotkiln.aws import image as images
from spotkiln.aws import instance as instances
from spotkiln.aws.session import Aws
from spotkiln.release import Entry, Fate


def read_back(aws: Aws, release: str, name: str) -> dict[tuple[str, str], bool]:
    """(kind, id) of everything that carries the release's tag, or the image name it chose, and
    whether it exists."""
    found: dict[tuple[str, str], bool] = {}
    for image in images.of_release(aws, release, name) if name else []:
        found["image", image.id] = True
        found |= {("snapshot", snapshot): True for snapshot in image.snapshots}
    for snapshot in images.snapshots_of_release(aws, release):
        found["snapshot", snapshot] = True
    for fleet in fleets.of_release(aws, release):
        found["spot-fleet-request", fleet.id] = not fleet.gone
        for one in instances.of_fleet(aws, fleet.id):
            found["instance", one.id] = not one.gone
    for template in fleets.templates_of_release(aws, release):
        found["launch-template", template] = True
    for one in instances.builders_of(aws, release):
        found["instance", one.id] = not one.gone
    return found


def settle(
    created: Mapping[tuple[str, str], bool], *, kept: set[tuple[str, str]] | None
) -> tuple[Entry, ...]:
    """Every resource with its fate. What exists is kept if it is among `kept` (None: all), and
    left behind otherwise."""

    def fate(key: tuple[str, str], exists: bool) -> Fate:
        if not exists:
            return Fate.DESTROYED
        return Fate.KEPT if kept is None or key in kept else Fate.LEFT_BEHIND

    return tuple(
        Entry(kind=key[0], id=key[1], fate=fate(key, exists))
        for key, exists in sorted(created.items())
    )
