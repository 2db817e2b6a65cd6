"""Retire: an application leaves a target group for good."""

from prefect import State, flow

from spotkiln.start import form
from spotkiln.tasks import names
from spotkiln.tasks.keep.reconcile import clear_up, clear_up_previews
from spotkiln.tasks.keep.takedown import (
    TakenDown,
    begin,
    end_service,
    end_versions,
    finish,
    leave_prefect,
    leave_previews,
    place_of,
    require_said,
    takedown_run,
)


@flow(name="retire", flow_run_name=names.retirement, retries=0)
def retire(
    deployment: form.DeploymentName,
    versions: form.OldVersions,
    confirm: form.Confirm,
    last_servers: form.LastServers = False,
    app: form.OfIts = "",
    target_group: form.OfIts = "",
    region: form.Region = "",
) -> State[TakenDown]:
    """Drains and ends what serves, and removes the application's deployments from Prefect.

    Holds the target group meanwhile, as a release does. What another deployment has is not touched.
    Its previews go too, unless the application is released elsewhere in the region.
    Once it has begun it is finished: if this run is killed or cancelled, by reconcile.

    Args:
        deployment: What is taken down, by the name of its deployment, such as shop for
            release/shop.
        versions: Whether the images that served are kept, to go back to. What another target group
            has served with is kept in any case.
        confirm: Type it once more: there is no way back.
        last_servers: The last servers of its target group may go: nothing answers there then.
        app: The application's name. Empty: as its deployment has it.
        target_group: By name. Empty: as its deployment has it.
        region: AWS region. Empty: as its deployment has it.
    """
    place = place_of(deployment, app, region, target_group)
    with takedown_run(deployment, place, versions) as its:
        require_said(its, confirm, last=last_servers)
        with its.turn():
            clear_up(its.region, place.target_group, takedowns=True)
            begin(its, last=last_servers)
            left = leave_prefect(its)
            previews = leave_previews(its)
            servers = end_service(its)
            images = end_versions(its)
            finish(its)
        clear_up_previews(its.region, previews)
    return its.end(left, previews, servers, images)
