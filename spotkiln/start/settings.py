"""Settings: what a deployment's parameters ask a release for."""

from pydantic import ValidationError

from spotkiln.errors import InputError
from spotkiln.release.release import ReleaseSpec
from spotkiln.start.deployment import Deployment


def settings(deployment: Deployment) -> ReleaseSpec:
    """What the deployment's releases are asked for.

    Raises:
        InputError: its parameters are not a release's.
    """
    given = deployment.parameters
    known = {name: given[name] for name in ReleaseSpec.model_fields if name in given}
    try:
        if ref := given.get("ref"):
            known["app"] = {**known.get("app", {}), "ref": ref}
        return ReleaseSpec.model_validate(known)
    except ValidationError as error:
        raise InputError(
            f"not the parameters of a release: {deployment.name}: {error}; "
            "mend what was given, or prefect.yaml and deploy again"
        ) from error
