"""What an application's own deployment says, for runs that are only given its name. One Prefect may
serve several accounts, in which the same names mean other things: a run looks only at what is of
its own."""

from uuid import UUID

from prefect.runtime import deployment as own

from spotkiln.errors import InputError, NotInPrefect
from spotkiln.prefect_api import deployment
from spotkiln.prefect_api.connection import Connection, ask
from spotkiln.release.release import ReleaseSpec
from spotkiln.start.deployment import RELEASE, Account, Deployment, of_account
from spotkiln.start.settings import settings


def settings_of(name: str) -> ReleaseSpec:
    """All that its releases are asked for.

    Raises:
        InputError: Prefect has no such application, or its own runs act in another account.
    """
    try:
        found = ask(deployment.find, RELEASE, name)
    except NotInPrefect as error:
        raise InputError(
            f"no deployment {RELEASE}/{name} in Prefect; `spotkiln list` names the applications"
        ) from error
    require_own_account(found)
    return settings(found)


def own_account() -> Account | None:
    """In which account this run acts, by its deployment; None for a run that has none."""
    ident = own.id
    return ask(deployment.account_of, UUID(str(ident))) if ident else None


def require_own_account(application: Deployment) -> None:
    """
    Raises:
        InputError: this run acts in another account than the application's own runs do.
    """
    here = own_account()
    if here not in (None, application.account):
        raise InputError(
            f"{application.name} acts in {application.account}, this run in {here}: start the "
            "deployment of this flow that belongs to that account (`spotkiln docs team`, Several "
            "accounts); nothing was changed"
        )


def of_own_account(prefect: Connection, *flows: str) -> list[Deployment]:
    """Deployments of these flows whose runs act where this one does."""
    found = [one for flow in flows for one in prefect.ask(deployment.listing, flow)]
    return of_account(found, own_account())
