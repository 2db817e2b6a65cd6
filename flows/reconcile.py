"""Reconcile: nothing is left behind, whatever was killed."""

from prefect import State, flow

from spotkiln.aws.session import resolve_region
from spotkiln.keep.housekeeping import Reconciled
from spotkiln.release.unhealthy import DEFAULT_SECONDS
from spotkiln.start import form
from spotkiln.tasks import names
from spotkiln.tasks.keep.figures import publish_figures
from spotkiln.tasks.keep.reconcile import clear_up, find_unowned, publish, state_of
from spotkiln.tasks.keep.telling import tell_pending_commits
from spotkiln.tasks.keep.unanswered import decline_unanswered
from spotkiln.tasks.keep.unhealthy import replace_unhealthy


@flow(name="reconcile", flow_run_name=names.reconcile, retries=0)
def reconcile(
    dry_run: form.DryRun = False,
    target_group: form.TargetGroup = "",
    region: form.Region = "",
    unhealthy_seconds: form.Unhealthy = DEFAULT_SECONDS,
) -> State[Reconciled]:
    """Finish what was being retired, undo what was never promoted, discard what nobody owns.

    Reads only AWS and the Prefect API. Never touches what a living release owns, nor what
    only looks like ours: that is listed. What cannot be cleared away (a protected image, say) is
    told once and tried again later; it stops no release. A server of a fleet that serves is
    replaced when it has been unhealthy for long, beside healthy ones. An approval that nobody gave
    in time is declined. A commit that
    still says "pending" of a run that has ended is told how. May run at any time, and twice at
    once.

    Args:
        dry_run: Say what there is to do, and do nothing.
        target_group: Only what belongs to this target group, by name. Empty: everything.
        region: AWS region. Empty: as for a release.
        unhealthy_seconds: So long a server of a fleet that serves may be unhealthy before it is
            replaced, if others are healthy. 0: for ever.
    """
    where = resolve_region(region)
    sick = replace_unhealthy(where, target_group, unhealthy_seconds, dry_run=dry_run)
    if dry_run:
        found = find_unowned(where, target_group).also(todo=sick)
    else:
        found = clear_up(where, target_group, takedowns=True).also(done=sick)
        decline_unanswered()
        tell_pending_commits()
        publish_figures()
    # A person waits for what a dry run tells.
    publish(where, found, always=dry_run)
    return state_of(found)
