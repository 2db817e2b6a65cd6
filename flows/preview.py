"""Preview: an environment of its own for a branch, made on push and gone with the branch."""

from prefect import State, flow

from spotkiln.bake.builder import BuildSettings
from spotkiln.bake.configuration import Configuration
from spotkiln.bake.infra_names import InfraNames
from spotkiln.flows.release import carry_out
from spotkiln.release.on_commit import OnCommit
from spotkiln.release.release import Release, ReleaseSpec
from spotkiln.serve.gate import GatePolicy
from spotkiln.serve.spec import FleetSpec
from spotkiln.start import form
from spotkiln.tasks import names
from spotkiln.tasks.keep.preview import Removed, make_or_tell, preview_run, remove


@flow(name="preview", flow_run_name=names.preview, retries=0)
def preview(
    app: form.Application,
    preview: form.Preview,
    branch: form.Branch,
    ref: form.Commit = "",
    why: form.Why = "",
    force: form.Force = False,
    removed: form.Remove = False,
    fleet: form.Fleet = FleetSpec(),
    infra: form.Infrastructure = InfraNames(),
    build: form.Build = BuildSettings(),
    gate: form.Gate = GatePolicy(),
    configuration: form.Settings = Configuration(),
    test_configuration: form.Settings = Configuration(),
    on_commit: form.OnCommit = OnCommit(),
) -> State[Release] | State[Removed]:
    """Gives a branch a target group, a host name and a server of its own, and releases it there.

    One that is there is released anew, and stays longer. It goes with its branch, or after
    `preview.hours` without a push; then reconcile takes it away.

    Args:
        app: What to release, and how it is built, tested and started.
        preview: The host name, and how many there may be, for how long.
        branch: The branch whose preview it is.
        ref: A commit of the branch. Empty: its newest.
        why: In your own words, for the page of the release.
        force: Release even if this very image serves there already.
        removed: Take the branch's preview away instead.
        fleet: Of which kind its servers are; how many is the preview's to say.
        infra: Names to look up. The target group is the one that previews are made like.
        build: The machine that bakes and tests.
        gate: When the new fleet counts as proved.
        configuration: Where the servers read their settings and secrets when they boot. Names only.
        test_configuration: Where the machine that tests reads its own. Names only.
        on_commit: Whether the host of the repository is told, and by which secret.
    """
    with preview_run(app, branch, preview, infra, on_commit) as its:
        if removed:
            return remove(its)
        made = make_or_tell(its, ref)
        spec = ReleaseSpec(
            app=app.at(ref or branch), why=why, force=force, infra=its.infra(made), build=build,
            fleet=its.fleet(fleet), gate=gate, configuration=configuration,
            test_configuration=test_configuration, keep_versions=1, on_commit=its.on_commit,
        )  # fmt: skip
        return carry_out(spec)
