"""Which of the rights that may be left out a deployment cannot do without.

What only looks is not among them: `spotkiln doctor` and `spotkiln plan NAME` try that themselves.
"""

from collections.abc import Iterable, Mapping

from spotkiln.bake.builder import SshInterface
from spotkiln.bake.secrets import Kind, Place
from spotkiln.release.key_statements import OWN_KEYS
from spotkiln.release.optional_statements import (
    COPIES,
    DEPRECATION,
    PREVIEWS,
    SECRETS,
    SESSIONS,
    SHARING,
    SIGNALS,
    TRAFFIC,
)
from spotkiln.release.release import ReleaseSpec
from spotkiln.release.spot_statements import SPOT_BUILDERS
from spotkiln.statement import ADOPTION, SCALING

# Those that any deployment of an account could ask for, and that name nothing of its own.
ANY_DEPLOYMENT = (
    *(PREVIEWS, TRAFFIC, SIGNALS, SCALING),
    *(DEPRECATION, SHARING, COPIES, SPOT_BUILDERS, SESSIONS),
)


# What gives a part of the rights that nobody has unasked: a parameter of the account's template.
GIVEN_BY = {
    ADOPTION: "infra.adopt needs rights that the worker has only while they are asked for: "
    "`spotkiln account apply --set Adopt=yes` gives them, `--set Adopt=no` takes them back "
    "(`spotkiln docs account`)",
    OWN_KEYS: "a KMS key of your own needs rights that the worker has for those alone that are "
    "named: `spotkiln account apply --set DiskKeys=ARN` gives them (`spotkiln docs images`)",
}


def advice(parts: Iterable[str]) -> str:
    """How rights of these parts are given, where a parameter does it."""
    return "; ".join(GIVEN_BY[one] for one in dict.fromkeys(parts) if one in GIVEN_BY)


def used(spec: ReleaseSpec, *, previews: bool = False) -> tuple[str, ...]:
    """The parts of the rights that a deployment needs. `previews`: of its branches, too."""
    two = bool(spec.infra.second_target_group)
    asked = {
        PREVIEWS: previews,
        TRAFFIC: two,
        SIGNALS: two or bool(spec.traffic.batches and spec.traffic.alarms),
        SCALING: spec.fleet.scaling.used,
        ADOPTION: spec.infra.adopt,
        SECRETS: bool(spec.build.secrets),
        DEPRECATION: spec.images.deprecate_after_days > 0,
        SHARING: bool(spec.images.share_with),
        COPIES: spec.images.take_from is not None,
        SPOT_BUILDERS: spec.build.spot,
        SESSIONS: spec.build.ssh_interface is SshInterface.SESSION_MANAGER,
    }
    return tuple(part for part, needed in asked.items() if needed)


def build_secrets(
    places: Iterable[str], partition: str, region: str, account: str
) -> Mapping[str, tuple[str, ...]]:
    """What the names of the rights to a build's secrets stand for, by where each value is
    (build.secrets)."""
    named = [Place.of(one) for one in places]
    own = f"{region}:{account}"
    parameters = [
        f"arn:{partition}:ssm:{own}:parameter/{one.name.lstrip('/')}"
        for one in named
        if one.kind is Kind.PARAMETER
    ]
    secrets = [
        # Secrets Manager puts six characters behind a name.
        one.name
        if one.name.startswith("arn:")
        else f"arn:{partition}:secretsmanager:{own}:secret:{one.name}-??????"
        for one in named
        if one.kind is Kind.SECRET
    ]
    return {"build_parameters": tuple(parameters), "build_secrets": tuple(secrets)}
