"""Whether everything is there that a release needs. What is missing is told with what to do."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from rich.table import Table

from spotkiln.aws.bake import image as images
from spotkiln.aws.bake import infra as aws_infra
from spotkiln.aws.bake.configuration import find_configuration
from spotkiln.aws.serve.launchers import launchers
from spotkiln.aws.session import Aws, connect, resolve_region
from spotkiln.bake.configuration import in_words, require_names, require_profile
from spotkiln.bake.infra import check_fit
from spotkiln.bake.packer import find_packer
from spotkiln.cli.deployment import listing, settings
from spotkiln.cli.output import columns
from spotkiln.cli.pushes import pushes
from spotkiln.errors import InputError, SpotkilnError
from spotkiln.noun import Noun
from spotkiln.prefect_api.connection import address, ask, version
from spotkiln.release.freeze import frozen
from spotkiln.release.release import ReleaseSpec
from spotkiln.serve.serving import serving
from spotkiln.start.deployment import RELEASE, ROLLBACK, URGENT, Deployment


class Check(Noun):
    """`detail` is what was found, or what is wrong and what to do."""

    about: str
    name: str
    ok: bool
    detail: str


def check(about: str, name: str, probe: Callable[[], str]) -> Check:
    try:
        return Check(about=about, name=name, ok=True, detail=probe())
    except SpotkilnError as error:
        return Check(about=about, name=name, ok=False, detail=str(error))


def examine(wanted: str = "") -> list[Check]:
    """This machine, Prefect, and all that the deployments name. `wanted`: only this deployment."""
    checks = [check("this machine", "Packer", _packer), check("Prefect", "server", _server)]
    if not checks[-1].ok:
        return checks
    wanted = wanted.removeprefix(f"{RELEASE}/")
    try:
        known = listing(RELEASE)
    except SpotkilnError as error:
        return [*checks, Check(about="Prefect", name="deployments", ok=False, detail=str(error))]
    chosen = [one for one in known if not wanted or one.name == f"{RELEASE}/{wanted}"]
    checks.append(check("Prefect", "deployments", lambda: _deployments(wanted, known, chosen)))
    for one in chosen:
        checks += examine_deployment(one)
    for one in listing(ROLLBACK):
        if not wanted or one.name == f"{ROLLBACK}/{wanted}":
            checks.append(check(one.name, "queue", partial(_queue, one)))
    return checks


def _packer() -> str:
    path, version = find_packer()
    return f"{path}, {'.'.join(map(str, version))}"


def _server() -> str:
    return f"{ask(version)} at {address()}"


def _deployments(wanted: str, known: list[Deployment], chosen: list[Deployment]) -> str:
    names = ", ".join(one.name for one in known) or "none"
    if not chosen:
        raise InputError(
            f"no deployment {RELEASE}/{wanted or '<application>'}; there are: {names}. "
            "Add a stanza to prefect.yaml and `prefect --no-prompt deploy --all`"
        )
    return ", ".join(one.name for one in chosen)


def _worker(deployment: Deployment) -> str:
    if deployment.ready is False:
        raise InputError(
            f"no worker polls pool {deployment.pool!r}: `spotkiln worker --pool {deployment.pool}`"
        )
    return f"pool {deployment.pool or 'none: it is served'}"


def _queue(deployment: Deployment) -> str:
    """That a rollback never waits for a slot that releases hold."""
    if deployment.pool and deployment.queue != URGENT:
        raise InputError(
            f"it waits for a slot behind releases, in queue {deployment.queue!r}: give it "
            f"`work_queue_name: {URGENT}` in prefect.yaml, as the others have, and deploy again"
        )
    return deployment.queue or "none: it is served"


def examine_deployment(deployment: Deployment) -> list[Check]:
    about = deployment.name
    checks = [
        check(about, "worker", lambda: _worker(deployment)),
        check(about, "pushes", lambda: pushes(deployment)),
    ]
    try:
        spec = settings(deployment)
        aws = connect(resolve_region(spec.infra.region))
    except SpotkilnError as error:
        return [*checks, Check(about=about, name="region", ok=False, detail=str(error))]
    checks.append(check(about, "freeze", lambda: _freeze(spec)))
    checks.append(Check(about=about, name="region", ok=True, detail=aws.region))
    checks.append(check(about, "credentials", lambda: f"account {aws_infra.account(aws)}"))
    if not checks[-1].ok:
        return checks
    named = _named(about, aws, spec)
    checks += named
    if all(one.ok for one in named):
        checks.append(check(about, "rights and fit", lambda: _whole(aws, spec)))
    return checks


def _freeze(spec: ReleaseSpec) -> str:
    """Whether a release would wait now, and for which windows.

    Raises:
        InputError: the deployment itself breaks it.
    """
    if spec.break_glass:
        raise InputError(
            "break_glass is in the deployment's parameters, so that no freeze holds: name who and "
            "why where a run is started (--break-glass), and take it out of prefect.yaml"
        )
    if not spec.freeze:
        return "no windows"
    found = frozen(spec.freeze, datetime.now(UTC))
    return str(found) if found else f"free now; frozen: {'; '.join(spec.freeze)}"


def _named(about: str, aws: Aws, spec: ReleaseSpec) -> list[Check]:
    """Each name is looked up by itself, so that all that are missing are told at once."""
    names = spec.infra
    probes: dict[str, Callable[[], str]] = {
        "target group": lambda: aws_infra.target_group(aws, names.target_group).arn,
        "security groups": lambda: ", ".join(
            aws_infra.security_groups(
                aws, aws_infra.target_group(aws, names.target_group).vpc, names.security_groups
            )
        ),
        "fleet role": lambda: launchers(aws).for_spec(spec.fleet).role(names),
        "base image": lambda: aws_infra.base_image(aws, names.base_image).id,
    }
    if names.instance_profile:
        probes["instance profile"] = lambda: aws_infra.instance_profile(aws, names.instance_profile)
    if names.key_pair:
        probes["key pair"] = lambda: aws_infra.key_pair(aws, names.key_pair)
    if spec.configuration.asked:
        probes["configuration"] = lambda: configuration(aws, spec, needed(aws, spec))
    return [check(about, name, probe) for name, probe in probes.items()]


def needed(aws: Aws, spec: ReleaseSpec) -> tuple[str, ...]:
    """The settings that what serves needs."""
    group = aws_infra.target_group(aws, spec.infra.target_group)
    current = serving(launchers(aws).listing(), group.arn)
    image = images.describe(aws, current[0].image) if current else None
    return image.config if image else ()


def configuration(aws: Aws, spec: ReleaseSpec, required: tuple[str, ...]) -> str:
    """Which settings are there. What another commit needs is not known here."""
    require_profile(spec.configuration, spec.infra.instance_profile)
    known = find_configuration(aws, spec.configuration)
    require_names(required, known)
    words = in_words(known, required)
    return "; ".join([*words, "`spotkiln plan` compares it with `config` of the commit"])


def _whole(aws: Aws, spec: ReleaseSpec) -> str:
    """As a release looks it up, with dry runs of the calls that cost money."""
    infra = aws_infra.look_up(aws, spec.infra, spec.fleet, spec.build.instance_type)
    check_fit(spec.app, infra.target_group)
    return "a release would be allowed to bake and to launch"


def table(checks: list[Check]) -> Table:
    rows = (("ok" if x.ok else "NOT OK", x.about, x.name, x.detail) for x in checks)
    return columns(["", "OF", "WHAT", "FOUND"], rows)
