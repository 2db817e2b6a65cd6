"""What an application's own deployment says, for runs that are only given its name."""

from spotkiln.errors import InputError, NotInPrefect
from spotkiln.prefect_api import deployment
from spotkiln.prefect_api.connection import ask
from spotkiln.release.release import ReleaseSpec
from spotkiln.start.deployment import RELEASE
from spotkiln.start.settings import settings


def settings_of(name: str) -> ReleaseSpec:
    """All that its releases are asked for.

    Raises:
        InputError: Prefect has no such application.
    """
    try:
        return settings(ask(deployment.find, RELEASE, name))
    except NotInPrefect as error:
        raise InputError(
            f"no deployment {RELEASE}/{name} in Prefect; `spotkiln list` names the applications"
        ) from error
