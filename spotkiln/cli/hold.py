"""Lift what a rollback holds: a person says that it may be released again."""

from spotkiln import tags as t
from spotkiln.aws.bake import infra as aws_infra
from spotkiln.aws.serve.launchers import launchers
from spotkiln.aws.serve.serving import serving_at
from spotkiln.aws.session import connect, resolve_region
from spotkiln.keep.hold import lifted
from spotkiln.noun import Noun
from spotkiln.release.release import ReleaseSpec


class Lifted(Noun):
    """The commits that are not held any more; none if none was."""

    app: str
    target_group: str
    fleet: str = ""
    commits: tuple[str, ...] = ()


def lift(spec: ReleaseSpec) -> Lifted:
    """The one thing that the command itself changes in AWS: a tag of the fleet that serves."""
    aws = connect(resolve_region(spec.infra.region))
    group = aws_infra.target_group(aws, spec.infra.target_group)
    fleet = next(iter(serving_at(aws, group)), None)
    found = Lifted(app=spec.app.name, target_group=group.name)
    if fleet is None or not fleet.held:
        return found
    launchers(aws).mark(fleet, {t.HELD: lifted(fleet)})
    return found.model_copy(update={"fleet": fleet.id, "commits": fleet.held})


def text(found: Lifted) -> str:
    where = f"{found.app} at target group {found.target_group}"
    if not found.commits:
        return f"{where}: nothing is held"
    return f"{where}: may be released again: {', '.join(found.commits)}"
