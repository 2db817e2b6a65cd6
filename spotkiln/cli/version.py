"""Whether there is a version to go back to: looked up before a run is started, where that is known
here."""

from spotkiln.aws.bake.infra import account, target_group
from spotkiln.aws.keep import lease as leases
from spotkiln.aws.keep.versions import list_versions
from spotkiln.aws.session import connect, resolve_region
from spotkiln.errors import InputError, SpotkilnError
from spotkiln.keep.versions import Version, choose
from spotkiln.start.deployment import Deployment
from spotkiln.start.settings import settings


def _known(app: str, name: str, region: str) -> tuple[list[Version], str] | None:
    """The versions of the target group of that name, and where they were looked up.

    None if that cannot be told here: a terminal needs no rights in AWS to start a run, and what a
    release that is under way promotes is a version once it has ended.
    """
    try:
        where = resolve_region(region)
        aws = connect(where)
        group = target_group(aws, name)
        if leases.read(aws, group.arn):
            return None
        return list_versions(aws, app, group), f"account {account(aws)}, {where}"
    except SpotkilnError:
        return None


def require(deployment: Deployment, wanted: str) -> None:
    """
    Raises:
        InputError: its target group has no such version; the message lists those there are.
    """
    spec = settings(deployment)
    found = _known(spec.app.name, spec.infra.target_group, spec.infra.region)
    if found is None:
        return
    versions, where = found
    try:
        choose(versions, wanted, spec.app.name)
    except InputError as error:
        raise InputError(
            f"{error} (looked up in {where}; if that is not where its worker releases, say "
            "--no-check)"
        ) from error
