"""Release: from a commit to serving, or back to what served before."""

from prefect import State, flow

from spotkiln.bake.builder import BuildSettings
from spotkiln.bake.configuration import Configuration
from spotkiln.bake.infra_names import InfraNames
from spotkiln.keep.upkeep import Images
from spotkiln.release.hook import Hooks
from spotkiln.release.on_commit import OnCommit
from spotkiln.release.release import Approval, Release, ReleaseSpec
from spotkiln.release.vulnerabilities import Vulnerabilities
from spotkiln.serve.gate import GatePolicy
from spotkiln.serve.spec import FleetSpec
from spotkiln.serve.traffic import Traffic
from spotkiln.start import form
from spotkiln.tasks import names
from spotkiln.tasks.keep.lock import one_at_a_time
from spotkiln.tasks.keep.reconcile import clear_up
from spotkiln.tasks.release.approval import as_approved, end_if_not_approved
from spotkiln.tasks.release.endings import (
    end_if_changed_since_approval,
    end_if_held,
    end_if_newer_push,
    end_if_unchanged,
    end_if_untouched,
)
from spotkiln.tasks.release.freezing import wait_if_frozen
from spotkiln.tasks.release.hooks import require_hooks
from spotkiln.tasks.release.image_tests import ImageTests
from spotkiln.tasks.release.recorded import recorded
from spotkiln.tasks.release.steps import (
    choose_image,
    find_infra,
    migrate_once,
    see_foreign,
    see_migration,
    see_what_serves,
    take_commit,
)
from spotkiln.tasks.serve.quota import check_quotas
from spotkiln.tasks.serve.serve import serve
from spotkiln.tasks.serve.traffic import require_idle


@flow(name="release", flow_run_name=names.release, retries=0)
def release(
    app: form.Application,
    ref: form.Commit = "",
    why: form.Why = "",
    force: form.Force = False,
    even_if_held: form.EvenIfHeld = False,
    break_glass: form.BreakGlass = "",
    fleet: form.Fleet = FleetSpec(),
    infra: form.Infrastructure = InfraNames(),
    build: form.Build = BuildSettings(),
    gate: form.Gate = GatePolicy(),
    traffic: form.Traffic = Traffic(),
    configuration: form.Settings = Configuration(),
    test_configuration: form.Settings = Configuration(),
    approval: form.Approval = Approval(),
    keep_rejected: form.KeepRejected = False,
    keep_versions: form.Versions = 5,
    images: form.Images = Images(),
    freeze: form.Freeze = (),
    on_commit: form.OnCommit = OnCommit(),
    hooks: form.Hooks = Hooks(),
    vulnerabilities: form.Vulnerabilities = Vulnerabilities(),
) -> State[Release]:
    """Turns a commit into servers: bake, test that image, migrate, launch, gate, retire the old.

    The serving fleet is not touched before the new one has proved itself. Whatever fails is
    undone in reverse order.

    Args:
        app: What to release, and how it is built, tested and started.
        ref: A branch, a tag or a commit. Empty: the ref of the deployment. Only what is committed
            is released.
        why: In your own words, for the page of the release and for whoever must approve it.
        force: Release even if this very image serves already with these settings.
        even_if_held: Release the commit even if a rollback has left it.
        break_glass: Release in a freeze even so. Who does it, and why, such as alice: no orders
            come in.
        fleet: How many servers, of which kind.
        infra: Names to look up; each must match exactly one thing.
        build: The machine that bakes and tests.
        gate: When the new fleet counts as proved.
        traffic: How requests are handed over to it, where there is a second target group.
        configuration: Where the servers read their settings and secrets when they boot. Names only.
        test_configuration: Where the machine that tests reads its own. Names only.
        approval: Whether a person is asked first.
        keep_rejected: Keep the image of a fleet that did not pass the gate, to look at it.
        keep_versions: How many versions of this target group stay, to go back to.
        images: What becomes of those that stay.
        freeze: Windows in which nothing is released: the run waits, and starts by itself.
        on_commit: Whether the host of the repository is told, and by which secret.
        hooks: What else is told or asked, and when.
        vulnerabilities: Where data on known vulnerabilities is, and which of them refuse a release.
    """
    spec = ReleaseSpec(
        app=app.at(ref), why=why, force=force, even_if_held=even_if_held,
        infra=infra, build=build, fleet=fleet, gate=gate, traffic=traffic,
        configuration=configuration, test_configuration=test_configuration, approval=approval,
        keep_rejected=keep_rejected, keep_versions=keep_versions, images=images, freeze=freeze,
        break_glass=break_glass, on_commit=on_commit, hooks=hooks,
        vulnerabilities=vulnerabilities,
    )  # fmt: skip
    return carry_out(spec)


def carry_out(spec: ReleaseSpec) -> State[Release]:
    """The way of a release, for whatever environment."""
    with recorded(spec) as run:
        with run.timed("look up"):
            found = find_infra(run)
            job = take_commit(run, as_approved(run), found)
        see_what_serves(run, found)
        end_if_held(run)
        wait_if_frozen(run)
        end_if_not_approved(run, job)
        with run.timed("wait"):
            turn = run.hold(one_at_a_time(found, run.id, run.flow_run))
            wait_if_frozen(run)
            end_if_newer_push(run)
            first = found.target_group
            seen = clear_up(found.region, first.name, arn=first.arn).fleets
        current = see_what_serves(run, found, seen)
        end_if_held(run)
        choice = choose_image(run, job, current)
        see_foreign(run, found, seen)
        end_if_untouched(run, choice)
        end_if_unchanged(run, found, choice.image, current)
        end_if_changed_since_approval(run, choice.image, current)
        check_quotas(found, spec.fleet, current)
        require_idle(found, current)
        require_hooks(spec.hooks)
        with run.undoing() as undo:
            tests = ImageTests(run, turn, job)
            undo.later("discard image", tests.discard_image)
            image = choice.image or tests.bake()
            migration = see_migration(run, job, choice, image)
            tests.first(image, choice, migration)
            migrate_once(run, turn, job, migration, image)
            with tests.beside():
                serve(run, undo, turn, image, found, current, tests)
    return run.state
