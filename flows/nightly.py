"""Nightly: the base image with all updates, and if it differs, every application on it."""

from prefect import State, flow

from spotkiln.bake.base import BaseSpec
from spotkiln.bake.builder import Builder
from spotkiln.start import form
from spotkiln.start.applications import EVERY
from spotkiln.start.night import Night, NightSpec
from spotkiln.tasks import names
from spotkiln.tasks.bake.base import (
    alive,
    bake_base,
    discard_base,
    find_current_base,
    look_up_source,
    promote_base,
    prune_bases,
)
from spotkiln.tasks.bake.contents import keep_base_contents
from spotkiln.tasks.start.exposed import check_all
from spotkiln.tasks.start.nightly import find_applications, night_recorded, rebuild_all
from spotkiln.tasks.step import not_urgent, report_failed_undo
from spotkiln.undo import UndoStack


@flow(name="nightly", flow_run_name=names.night, retries=0)
def nightly(
    even_if_unchanged: form.EvenIfUnchanged = False,
    applications: form.Applications = (EVERY,),
    quiet_hours: form.QuietHours = "",
    base: form.Base = BaseSpec(),
    builder: form.Builder = Builder(),
    side_by_side: form.SideBySide = 1,
    switch: form.Switch = "spotkiln_nightly",
) -> State[Night]:
    """Bakes the base image with all updates; if it differs, releases every application on it.

    A base image that holds what the current one holds is discarded, and nothing else happens.
    One application that fails does not stop the others.

    Args:
        even_if_unchanged: Release the applications on the current base image even so.
        applications: Names of the deployments of the flow release, or shell patterns. None at all:
            the base image alone, as for an account that has none yet. One with images.take_from
            is released only if it is named.
        quiet_hours: No release is started in them, such as 22:00-06:00 Europe/Berlin.
        base: The base image, and what it is made from.
        builder: The machine that bakes it.
        side_by_side: So many applications are released at a time.
        switch: A Prefect variable: as long as it is `off`, nothing is done.
    """
    spec = NightSpec(
        base=base, builder=builder, applications=applications, side_by_side=side_by_side,
        quiet_hours=quiet_hours, switch=switch, even_if_unchanged=even_if_unchanged,
    )  # fmt: skip
    with night_recorded(spec) as night:
        if night.is_off() or night.is_quiet("nothing was done"):
            return night.end()
        job = look_up_source(base, builder, night.book.run, night.folder)
        found = find_applications(spec, job.image_name)
        night.leaving_out(found.left_out)
        with (
            alive(job) as life,
            UndoStack(night.undoing, report_failed_undo, night.undone.append) as undo,
        ):
            undo.later("discard base image", discard_base, job)
            baked, current = bake_base(job), find_current_base(job)
            if night.is_unchanged(baked, current) or night.is_quiet("the new base is discarded"):
                with not_urgent("discard the new base image"):
                    discard_base(job)
            else:
                life.check()
                night.promoted(promote_base(job, baked))
                keep_base_contents(baked.image.id, baked.listing)
        if night.book.releases:
            rebuild_all(night, found.names)
            with not_urgent("prune base images"):
                night.pruned(prune_bases(job))
        check_all(night, found.looked_at)
        night.book.require_all()
        return night.end()
