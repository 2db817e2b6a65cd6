"""From a chosen image to what serves: the part that a release and a rollback share."""

from spotkiln.bake.image import Image
from spotkiln.bake.infra import Infra
from spotkiln.errors import ImageRejected
from spotkiln.keep.heartbeat import Heartbeat
from spotkiln.release.release import Release
from spotkiln.serve.fleet import Fleet
from spotkiln.tasks.bake.image import blame_image, mark_released, prune_versions
from spotkiln.tasks.release.record import Record
from spotkiln.tasks.serve.fleet import (
    cancel_fleet,
    choose_size,
    promote_fleet,
    request_fleet,
    retire_fleets,
)
from spotkiln.tasks.serve.gate import prove
from spotkiln.tasks.serve.price import price
from spotkiln.tasks.step import not_urgent
from spotkiln.undo import UndoStack


def serve(
    record: Record,
    undo: UndoStack,
    turn: Heartbeat,
    image: Image,
    found: Infra,
    before: list[Fleet],
) -> Release:
    """Launch, gate, promote; then retire what the new fleet replaces. Nothing of what serves is
    touched before the new fleet has proved itself, and nothing is undone after.

    `before` is what serves since the turn began. The turn is checked before each step that changes
    what serves: this worker may have slept, and another have gone on in its place."""
    spec = record.spec
    turn.launch()
    undo.later("cancel fleet", cancel_fleet, found, record.id)
    with record.phase("launch"):
        record.size = choose_size(found, spec.fleet)
        wanted = record.size.spec
        new = record.fleet = request_fleet(wanted, spec.fleet, image, found, record.fleet_tags)
    with record.phase("gate"):
        try:
            new, record.servers = prove(
                new, wanted, spec.fleet, image, found, spec.gate, record.fleet_tags, turn.check
            )
            record.fleet = new
        except ImageRejected as error:
            with not_urgent("mark the image"):
                record.image = blame_image(image, found, str(error), keep=spec.keep_rejected)
            raise
    turn.check()
    new = record.fleet = promote_fleet(new, found, before)
    undo.keep()
    with record.phase("retire"):
        mark_released(found, new)
        record.cost = price(found.region, record.servers)
        turn.check()
        record.retired = retire_fleets(found, new)
        with not_urgent("prune versions"):
            prune_versions(found, spec.app.name, spec.keep_versions)
    return record.released()
