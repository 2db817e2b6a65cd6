"""Deployments in Prefect: an application's settings are those that its releases run with."""

from spotkiln.errors import InputError, NotInPrefect
from spotkiln.prefect_api import deployment as deployments
from spotkiln.prefect_api.connection import ask
from spotkiln.release.release import ReleaseSpec
from spotkiln.start.deployment import RELEASE, Deployment, serving
from spotkiln.start.settings import settings


def listing(flow: str) -> list[Deployment]:
    """All deployments of a flow, by name."""
    return ask(deployments.listing, flow)


def find(flow: str, name: str) -> Deployment:
    """By its name, with or without the flow's before it.

    Raises:
        InputError: there is none; the message lists those there are.
    """
    short = name.removeprefix(f"{flow}/")
    try:
        return ask(deployments.find, flow, short)
    except NotInPrefect as error:
        known = ", ".join(one.name for one in listing(flow)) or "none"
        raise InputError(
            f"no deployment {flow}/{short}; there are: {known}. Name one of these, or add a "
            "stanza to prefect.yaml and `prefect --no-prompt deploy --all`"
        ) from error


def beside(flow: str, name: str, application: Deployment) -> Deployment:
    """The deployment of a flow that works for all applications of an account, in that where an
    application's own runs act: `name`, or the one that does it there.

    Raises:
        InputError: there is none in that account, though there may be one in another.
    """
    known = listing(flow)
    if not known:
        return find(flow, name)
    found = serving(known, application.account, name)
    if found is None:
        there = ", ".join(f"{one.name} ({one.account})" for one in known)
        raise InputError(
            f"{application.name} acts in {application.account}, and no deployment of the flow "
            f"{flow} does; there are: {there}. Each account needs its own: `spotkiln docs team`, "
            "Several accounts"
        )
    return found


def settings_if_known(name: str) -> ReleaseSpec | None:
    """The settings with which an application is released; None if there is none of that name."""
    known = {one.short: one for one in listing(RELEASE)}
    found = known.get(name.removeprefix(f"{RELEASE}/"))
    return settings(found) if found else None


def settings_of(name: str) -> ReleaseSpec:
    """The settings with which an application is released."""
    return settings(find(RELEASE, name))
