"""Rollback: back to an image that served before, without a build."""

from prefect import State, flow

from spotkiln.bake.configuration import Configuration
from spotkiln.bake.infra_names import InfraNames
from spotkiln.keep.upkeep import Images
from spotkiln.keep.versions import CURRENT, PREVIOUS
from spotkiln.release.hook import Hooks
from spotkiln.release.on_commit import OnCommit
from spotkiln.release.release import Release, ReleaseSpec
from spotkiln.serve.gate import GatePolicy
from spotkiln.serve.spec import FleetSpec
from spotkiln.serve.traffic import Traffic
from spotkiln.start import form
from spotkiln.tasks import names
from spotkiln.tasks.keep.lock import one_at_a_time
from spotkiln.tasks.keep.reconcile import clear_up
from spotkiln.tasks.keep.versions import find_version, find_way_back
from spotkiln.tasks.release.endings import end_if_unchanged
from spotkiln.tasks.release.recorded import recorded
from spotkiln.tasks.release.steps import (
    find_infra,
    require_settings,
    see_foreign,
    see_what_serves,
    take_version,
)
from spotkiln.tasks.serve.quota import check_quotas
from spotkiln.tasks.serve.serve import serve
from spotkiln.tasks.serve.traffic import require_idle


@flow(name="rollback", flow_run_name=names.rollback, retries=0)
def rollback(
    app: form.Application,
    version: form.Version = PREVIOUS,
    why: form.Why = "",
    take_turn: form.TakeTurn = False,
    fleet: form.Fleet = FleetSpec(),
    infra: form.Infrastructure = InfraNames(),
    gate: form.Gate = GatePolicy(),
    traffic: form.Traffic = Traffic(),
    configuration: form.Settings = Configuration(),
    keep_versions: form.Versions = 5,
    images: form.Images = Images(),
    on_commit: form.OnCommit = OnCommit(),
    hooks: form.Hooks = Hooks(),
    ref: form.OfRelease = None,  # noqa: ARG001
    build: form.OfRelease = None,  # noqa: ARG001
    test_configuration: form.OfRelease = None,  # noqa: ARG001
    approval: form.OfRelease = None,  # noqa: ARG001
    force: form.OfRelease = None,  # noqa: ARG001
    even_if_held: form.OfRelease = None,  # noqa: ARG001
    keep_rejected: form.OfRelease = None,  # noqa: ARG001
    freeze: form.OfRelease = None,  # noqa: ARG001
    break_glass: form.OfRelease = None,  # noqa: ARG001
    vulnerabilities: form.OfRelease = None,  # noqa: ARG001
) -> State[Release]:
    """Puts a released image into service again: no build, no test, the same gate.

    What serves is not touched before the old version has proved itself again. Afterwards the
    commits that it left are held: no night, push or plain release brings them back, until a newer
    commit is released or a person says otherwise.

    A release's parameters that are not listed here are taken as well, and not used: so a rollback's
    deployment may have the release's.

    Args:
        app: What to go back with.
        version: An image, a commit or the beginning of one, or previous (also if it is empty):
            what served this target group before, and no rollback has left. Or current: what
            serves, once more on new servers, which read their configuration anew.
        why: In your own words, for the page of the rollback.
        take_turn: Do not wait for a release that has not launched its servers yet. It gives way.
        fleet: How many servers, of which kind.
        infra: Names to look up; each must match exactly one thing.
        gate: When the new fleet counts as proved.
        traffic: Of a release. A rollback hands all requests over at once.
        configuration: Where the servers read their settings and secrets when they boot: the
            values of today, not those of then.
        keep_versions: How many versions of this target group stay, to go back to.
        images: What becomes of those that stay.
        on_commit: Whether the host of the repository is told, and by which secret.
        hooks: What else is told or asked, and when.
    """
    spec = ReleaseSpec(
        app=app, infra=infra, fleet=fleet, gate=gate, configuration=configuration, why=why,
        traffic=traffic.at_once(),
        keep_versions=keep_versions, images=images, on_commit=on_commit, hooks=hooks,
        force=version == CURRENT,
    )  # fmt: skip
    with recorded(spec) as run:
        with run.timed("look up"):
            found = find_infra(run, find_version(spec, version))
        with run.timed("wait"):
            turn = run.hold(one_at_a_time(found, run.id, run.flow_run, take_turn=take_turn))
            first = found.target_group
            seen = clear_up(found.region, first.name, arn=first.arn).fleets
        # What is previous is known only now: another release may have changed it meanwhile.
        image = take_version(run, find_way_back(spec, version))
        found = find_infra(run, image)
        require_settings(image, found)
        current = see_what_serves(run, found, seen)
        see_foreign(run, found, seen)
        end_if_unchanged(run, found, image, current)
        check_quotas(found, fleet, current, refuse=False)
        require_idle(found, current)
        with run.undoing() as undo:
            serve(run, undo, turn, image, found, current)
    return run.state
