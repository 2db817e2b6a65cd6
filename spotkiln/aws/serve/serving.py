"""What serves a target group now: whether it is what would be released, and of what size."""

from collections.abc import Callable, Sequence

from spotkiln.aws.serve import target as targets
from spotkiln.aws.serve.foreign import look
from spotkiln.aws.serve.gate import with_health
from spotkiln.aws.serve.launchers import launchers
from spotkiln.aws.session import Aws
from spotkiln.bake.image import Image
from spotkiln.bake.infra import Infra, TargetGroup
from spotkiln.errors import DeadlineExceeded
from spotkiln.poll import Clock, Done, Waiting, poll
from spotkiln.serve.capacity import Size, size, to_grow
from spotkiln.serve.fleet import Fleet
from spotkiln.serve.order import made_alike
from spotkiln.serve.serving import require_first as first_of
from spotkiln.serve.serving import require_own, serving, suspended_by
from spotkiln.serve.spec import FleetSpec
from spotkiln.target import Health

# Longer than this nobody waits to hear that nothing is to be done.
RECOVERY_SECONDS = 60


def serving_at(aws: Aws, group: TargetGroup) -> list[Fleet]:
    """Our fleets that serve the target group, the newest first."""
    return serving(launchers(aws).at(group.name), group.arn)


def serving_now(aws: Aws, infra: Infra) -> list[Fleet]:
    return serving_at(aws, infra.home)


def serving_alone(aws: Aws, infra: Infra, seen: Sequence[Fleet] | None = None) -> list[Fleet]:
    """The same, where servers are about to join its target groups. `seen` are all fleets, if they
    were just looked at.

    Raises:
        InputError: another deployment's servers are in one of them.
    """
    every = launchers(aws).listing() if seen is None else seen
    require_own(every, infra.home, infra.also)
    return serving(every, infra.home.arn)


def require_first(aws: Aws, infra: Infra, new: Fleet) -> None:
    """Look again, now that it was launched: another deployment may have launched into one of its
    further target groups at the same moment.

    Raises:
        InputError: that one came first.
    """
    if infra.also:
        first_of(launchers(aws).listing(), new, infra.home, infra.also)


def to_adopt(aws: Aws, infra: Infra) -> list[Fleet]:
    """Fleets that are not ours, and that a person said are to be retired."""
    return look(aws, infra.home, infra.also).adoptable if infra.adopt else []


def sized(aws: Aws, infra: Infra, spec: FleetSpec) -> Size:
    """How many servers would be asked for now.

    Raises:
        InputError: another deployment's servers are in one of its target groups.
    """
    return size(spec, _replaced(aws, infra, serving_alone(aws, infra)), aws.now())


def _serves_still(aws: Aws, infra: Infra, before: Sequence[Fleet]) -> list[Fleet]:
    """What serves now. While the turn is held nobody else promotes: the newest that served `before`
    does so still, unless it has gone."""
    each = launchers(aws)
    again = [found for one in before[:1] if (found := each.of(one).find(one.id))]
    return serving(again, infra.home.arn) or serving_now(aws, infra)


def _replaced(aws: Aws, infra: Infra, serve: list[Fleet]) -> list[Fleet]:
    return [*serve[:1], *to_adopt(aws, infra)]


def grown(
    aws: Aws, infra: Infra, spec: FleetSpec, new: Fleet, before: Sequence[Fleet] = ()
) -> Fleet:
    """The new fleet, made as large as what serves if that has been scaled out since it was asked
    for; else as it is. `before` is what served when the turn began."""
    serve = _replaced(aws, infra, _serves_still(aws, infra, before))
    wanted = to_grow(new, spec, serve, aws.now())
    return launchers(aws).resize(new, wanted) if wanted else new


def resume_scaling(aws: Aws, release: str) -> list[Fleet]:
    """What serves, and whose scaling this release has suspended, scales again as it did before."""
    found = suspended_by(release, launchers(aws).listing())
    launchers(aws).resume_scaling(found)
    return found


def is_unchanged(
    aws: Aws,
    infra: Infra,
    spec: FleetSpec,
    image: Image,
    current: Fleet,
    clock: Clock,
    say: Callable[[str], None],
) -> bool:
    """Whether this image serves already with these settings, its whole capacity healthy, also what
    it was scaled to.

    A server that the load balancer has just missed once may be found healthy again: that is waited
    for. While there is a fleet to adopt, or the deployment names another launcher, something is to
    be done.
    """
    each, wanted = launchers(aws), size(spec, [current], aws.now()).spec.capacity
    if not made_alike(current, spec, image, infra) or current.capacity != wanted:
        return False
    if current.launcher != each.for_spec(spec).name or to_adopt(aws, infra):
        return False

    def whole() -> Done[bool] | Waiting:
        live = [one for one in each.members(current) if one.live]
        health = with_health(live, targets.healths(aws, current.groups))
        good = sum(one.health is Health.HEALTHY for one in health)
        return Done(True) if good >= wanted else Waiting(f"{good} healthy")

    check = infra.target_group.health_check
    try:
        return poll(
            whole,
            what=f"{current.id} to be healthy",
            deadline_seconds=min(check.healthy_threshold * check.interval + 5, RECOVERY_SECONDS),
            clock=clock,
        )
    except DeadlineExceeded as error:
        say(f"{current.id} serves this image already, but not whole: {error}")
        return False
