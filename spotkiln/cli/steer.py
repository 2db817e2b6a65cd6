"""Steer a release that hands requests over in steps: a person's word, in a tag of its new fleet."""

from spotkiln.aws.bake.infra import target_group
from spotkiln.aws.serve.steer import ask
from spotkiln.aws.session import connect, resolve_region
from spotkiln.noun import Noun
from spotkiln.release.release import ReleaseSpec
from spotkiln.serve.stepping import WHAT, Steer


class Steered(Noun):
    """`asked` of the release."""

    app: str
    release: str
    fleet: str
    asked: Steer


def steer(spec: ReleaseSpec, asked: Steer) -> Steered:
    """
    Raises:
        InputError: no release of it hands requests over now.
    """
    aws = connect(resolve_region(spec.infra.region))
    found = ask(aws, target_group(aws, spec.infra.target_group), asked)
    return Steered(app=spec.app.name, release=found.release, fleet=found.id, asked=asked)


def text(found: Steered) -> str:
    return f"{found.release} is asked: within seconds it {WHAT[found.asked]}"
