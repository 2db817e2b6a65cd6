"""Retire: an application leaves a target group for good."""

from prefect import State, flow

from spotkiln.start import form
from spotkiln.tasks import names
from spotkiln.tasks.keep.reconcile import clear_up
from spotkiln.tasks.keep.takedown import (
    TakenDown,
    begin,
    end_service,
    end_versions,
    finish,
    leave_prefect,
    require_said,
    takedown_run,
)


@flow(name="retire", flow_run_name=names.retirement, retries=0)
def retire(
    deployment: form.DeploymentName,
    app: form.Name,
    versions: form.OldVersions,
    confirm: form.Confirm,
    target_group: form.TargetGroup = "website",
    region: form.Region = "",
    last_servers: form.LastServers = False,
) -> State[TakenDown]:
    """Drains and ends what serves, and removes the application's deployments from Prefect.

    Holds the target group meanwhile, as a release does. What another deployment has is not touched.
    Once it has begun it is finished: if this run is killed or cancelled, by reconcile.

    Args:
        deployment: The name of its deployment, such as `shop` for release/shop.
        app: The application's name.
        versions: Whether the images that served this target group are kept. What another target
            group has served with is kept in any case.
        confirm: The deployment's name once more.
        target_group: By name.
        region: AWS region. Empty: as for a release.
        last_servers: The last servers of the target group may go: nothing answers there then.
    """
    with takedown_run(deployment, app, region, target_group, versions) as its:
        require_said(its, confirm, last=last_servers)
        with its.turn():
            clear_up(its.region, target_group, takedowns=True)
            begin(its, last=last_servers)
            left = leave_prefect(its)
            servers = end_service(its)
            images = end_versions(its)
            finish(its)
    return its.end(left, servers, images)
