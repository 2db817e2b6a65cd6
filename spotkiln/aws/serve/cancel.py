"""Undoes the launch of a release, at whatever point it was."""

from collections.abc import Callable, Sequence

from spotkiln.aws.serve.hand_over import give_back
from spotkiln.aws.serve.launchers import launchers
from spotkiln.aws.serve.retire import retire
from spotkiln.aws.serve.serving import serving_now
from spotkiln.aws.session import Aws
from spotkiln.bake.infra import Infra
from spotkiln.errors import InfrastructureError
from spotkiln.poll import Clock
from spotkiln.serve.fleet import Phase


def cancel(
    aws: Aws,
    infra: Infra,
    release: str,
    before: Sequence[str] | None,
    clock: Clock,
    say: Callable[[str], None],
) -> list[str]:
    """Take away what a release has launched, without losing a request: some of its instances may
    serve already. Then compare what serves with `before` (ids of fleets), if that is known. The ids
    of all that is gone.

    Raises:
        DeadlineExceeded: something did not go.
        InfrastructureError: what serves has changed.
    """
    each, group = launchers(aws), infra.home
    made = each.of_release(release)
    # One that has been promoted serves: what comes after that does not undo it.
    ours = [one for one in made if one.phase is not Phase.SERVING]
    if infra.paired and give_back(aws, group.arn, release):
        say(f"all requests go where they went before {release}")
    used = {name for one in made if one not in ours for name in one.parts}
    gone = retire(
        aws,
        [one for one in ours if not one.gone],
        target_group=group.arn,
        delay=group.deregistration_delay,
        clock=clock,
        say=say,
    )
    for part in each.parts(release):
        if part.ours and part.id not in used:
            each.remove_part(part.kind, part.id)
    after = [one.id for one in serving_now(aws, infra)]
    if before is not None and after != list(before):
        raise InfrastructureError(
            f"what serves changed while {release} was undone: before {list(before)}, now {after}"
        )
    if ours:
        say(f"undone: {', '.join(one.id for one in ours)} with {len(gone)} instances")
    return [*(fleet.id for fleet in ours), *(one.id for one in gone)]
