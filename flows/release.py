"""Release: from a commit to serving, or back to what served before."""

from prefect import flow

from spotkiln.bake.builder import BuildSettings
from spotkiln.bake.infra import InfraNames
from spotkiln.bake.variables import recipe_of
from spotkiln.release.approval import outdated
from spotkiln.release.release import Approval, Release, ReleaseSpec
from spotkiln.serve.fleet import FleetSpec
from spotkiln.serve.gate import GatePolicy
from spotkiln.start import form
from spotkiln.tasks.bake.image import Job, discard_image, find_image, packer_build, test_in_image
from spotkiln.tasks.bake.infra import look_up_infra
from spotkiln.tasks.bake.source import check_out
from spotkiln.tasks.keep.lock import one_at_a_time
from spotkiln.tasks.keep.reconcile import settle
from spotkiln.tasks.release.approval import as_asked, ask_approval
from spotkiln.tasks.release.record import recorded
from spotkiln.tasks.runs import newer_push
from spotkiln.tasks.serve.fleet import find_serving, is_unchanged
from spotkiln.tasks.serve.foreign import find_foreign
from spotkiln.tasks.serve.quota import check_quotas
from spotkiln.tasks.serve.serve import serve
from spotkiln.tasks.step import report_failed_undo
from spotkiln.undo import UndoStack


@flow(name="release", flow_run_name="{app.name} {app.ref}", retries=0)
def release(
    app: form.Application,
    fleet: form.Fleet = FleetSpec(),
    infra: form.Infrastructure = InfraNames(),
    build: form.Build = BuildSettings(),
    gate: form.Gate = GatePolicy(),
    approval: form.Approval = Approval(),
    force: form.Force = False,
    even_if_held: form.EvenIfHeld = False,
    keep_rejected: form.KeepRejected = False,
    keep_versions: form.Versions = 5,
) -> Release:
    """Turns a commit into servers: bake, test the very image, launch, gate, retire the old.

    The serving fleet is not touched before the new one has proved itself. Whatever fails is
    undone in reverse order.

    Args:
        app: What to release, and how it is built, tested and started.
        fleet: How many servers, of which kind.
        infra: Names to look up; each must match exactly one thing.
        build: The machine that bakes and tests.
        gate: When the new fleet counts as proved.
        approval: Whether a person is asked first.
        force: Release even if this very image serves already with these settings.
        even_if_held: Release the commit even if a rollback has left it.
        keep_rejected: Keep the image of a fleet that did not pass the gate, to look at it.
        keep_versions: How many versions of this target group stay, to go back to.
    """
    spec = ReleaseSpec(
        app=app, infra=infra, build=build, fleet=fleet, gate=gate, approval=approval,
        force=force, even_if_held=even_if_held, keep_rejected=keep_rejected,
        keep_versions=keep_versions,
    )  # fmt: skip
    with recorded(spec) as record:
        with record.phase("look up"):
            found = record.infra = look_up_infra(spec)
            asked = as_asked(record, app, approval)
            source = record.take(check_out(asked, record.folder / "source"))
        job = Job(
            release=record.id, spec=spec, infra=found, source=source,
            recipe=recipe_of(source, app, found), tags=record.tags, folder=record.folder,
        )  # fmt: skip
        if held := record.held_by(find_serving(found)):
            return record.held(held)
        if no := ask_approval(record, job):
            return record.declined(no)
        with record.phase("wait"):
            turn = record.enter(one_at_a_time(found, record.id, record.run))
            if newer := newer_push(record.run):
                return record.superseded(newer)
            settle(found.region, infra.target_group)
        current = find_serving(found)
        if held := record.held_by(current):
            return record.held(held)
        reuse = find_image(job, current)
        image, record.image, record.reused = reuse.image, reuse.image, reuse.why
        record.foreign = find_foreign(found)
        if image and current and not force and is_unchanged(found, fleet, image, current[0]):
            return record.unchanged(current[0])
        if no := outdated(record.approved, image, current):
            return record.declined(no)
        check_quotas(found, fleet)
        with UndoStack(record.note_created, report_failed_undo, record.undone) as undo:
            undo.later("discard image", discard_image, job)
            if image is None:
                record.reused = ""
                with record.phase("bake"):
                    image = record.image = packer_build(job)
                turn.check()
                with record.phase("test"):
                    record.tests = test_in_image(job, image)
            return serve(record, undo, turn, image, found, current)
    return record.to_release(())  # It gave way.
