"""Reconcile: nothing is left behind, whatever was killed."""

from prefect import flow

from spotkiln import form
from spotkiln.aws.session import resolve_region
from spotkiln.housekeeping import Reconciled
from tasks.reconcile import find_unowned, publish, settle


@flow(name="reconcile", retries=0)
def reconcile(
    region: form.Region = "",
    target_group: form.TargetGroup = "",
    dry_run: form.DryRun = False,
) -> Reconciled:
    """Finish what was being retired, undo what was never promoted, discard what nobody owns.

    Reads only AWS and the Prefect API. Never touches what a living release owns, nor what
    only looks like ours: that is listed. What cannot be cleared away (a protected image, say) is
    told once and tried again later; it stops no release. May run at any time, and twice at once.

    Args:
        region: AWS region. Empty: as for a release.
        target_group: Only what belongs to this target group, by name. Empty: everything.
        dry_run: Say what there is to do, and do nothing.
    """
    where = resolve_region(region)
    if dry_run:
        found = find_unowned(where, target_group, clean=False)
    else:
        found = settle(where, target_group)
    publish(where, found)
    return found
