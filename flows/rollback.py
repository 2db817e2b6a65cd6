"""Rollback: back to an image that served before, without a build."""

from prefect import flow

from spotkiln.bake.app import DEMO
from spotkiln.bake.infra import InfraNames
from spotkiln.keep.versions import PREVIOUS
from spotkiln.release.release import Release, ReleaseSpec
from spotkiln.serve.fleet import FleetSpec
from spotkiln.serve.gate import GatePolicy
from spotkiln.start import form
from spotkiln.tasks.bake.infra import look_up_infra
from spotkiln.tasks.keep.lock import one_at_a_time
from spotkiln.tasks.keep.reconcile import settle
from spotkiln.tasks.keep.versions import find_version, find_way_back
from spotkiln.tasks.release.record import recorded
from spotkiln.tasks.serve.fleet import find_serving, is_unchanged
from spotkiln.tasks.serve.foreign import find_foreign
from spotkiln.tasks.serve.quota import check_quotas
from spotkiln.tasks.serve.serve import serve
from spotkiln.tasks.step import report_failed_undo
from spotkiln.undo import UndoStack


@flow(name="rollback", flow_run_name="{app.name} back to {version}", retries=0)
def rollback(
    app: form.Application = DEMO,  # the UI's quick run wants no parameter to be required
    version: form.Version = PREVIOUS,
    fleet: form.Fleet = FleetSpec(),
    infra: form.Infrastructure = InfraNames(),
    gate: form.Gate = GatePolicy(),
    keep_versions: form.Versions = 5,
    take_turn: form.TakeTurn = False,
) -> Release:
    """Puts a released image into service again: no build, no test, the same gate.

    What serves is not touched before the old version has proved itself again. Afterwards the
    commits that it left are held: no night, push or plain release brings them back, until a newer
    commit is released or a person says otherwise.

    Args:
        app: What to go back with.
        version: An image's id, a commit or the beginning of one, or `previous` (or nothing):
            what served this target group before, and no rollback has left.
        fleet: How many servers, of which kind.
        infra: Names to look up; each must match exactly one thing.
        gate: When the new fleet counts as proved.
        keep_versions: How many versions of this target group stay, to go back to.
        take_turn: Do not wait for a release that has not launched its servers yet: it gives way.
    """
    spec = ReleaseSpec(
        app=app, infra=infra, fleet=fleet, gate=gate, keep_versions=keep_versions,
    )  # fmt: skip
    with recorded(spec) as record:
        with record.phase("look up"):
            found = record.infra = look_up_infra(spec, find_version(spec, version))
        with record.phase("wait"):
            mine = one_at_a_time(found, record.id, record.run, take_turn=take_turn)
            turn = record.enter(mine)
            settle(found.region, infra.target_group)
        # What is previous is known only now: whoever was before us may have changed it.
        image = record.go_back_to(find_way_back(spec, version))
        found = record.infra = look_up_infra(spec, image)
        current = find_serving(found)
        record.foreign = find_foreign(found)
        if current and is_unchanged(found, fleet, image, current[0]):
            return record.unchanged(current[0])
        check_quotas(found, fleet, refuse=False)
        with UndoStack(record.note_created, report_failed_undo, record.undone) as undo:
            return serve(record, undo, turn, image, found, current)
    return record.to_release(())  # It gave way.
