"""Checks of one deployment: its worker, its repository, and what it names in AWS."""

import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from spotkiln.aws.release.rights import who
from spotkiln.aws.session import connect, resolve_region
from spotkiln.bake.builder import SshInterface
from spotkiln.bake.git import check_out
from spotkiln.cli.doctor import account, prefect, preview
from spotkiln.cli.doctor.check import Check, check, of_error
from spotkiln.cli.pushes import pushes
from spotkiln.errors import InputError, SpotkilnError
from spotkiln.prefect_api import secret
from spotkiln.prefect_api.connection import ask
from spotkiln.release.freeze import frozen
from spotkiln.release.on_commit import find as find_repository
from spotkiln.release.release import ReleaseSpec
from spotkiln.start.deployment import PREVIEW, Deployment
from spotkiln.start.settings import settings

PLUGIN = "session-manager-plugin"


def examine(deployment: Deployment) -> list[Check]:
    about = deployment.name
    checks = [
        check(about, "worker", lambda: prefect.worker(deployment)),
        check(about, "pushes", lambda: pushes(deployment)),
    ]
    try:
        spec = settings(deployment)
    except SpotkilnError as error:
        return [*checks, of_error(about, "parameters", error)]
    if deployment.flow != PREVIEW:
        checks.append(check(about, "freeze", lambda: freeze(spec)))
    if spec.on_commit.secret:
        checks.append(check(about, "on the commit", lambda: on_commit(spec)))
    if any(one.asked for _, one in spec.hooks.each()):
        checks.append(check(about, "hooks", lambda: hooks(spec)))
    checks.append(check(about, "repository", lambda: repository(spec)))
    reached = checks[-1].ok
    if spec.build.ssh_interface is SshInterface.SESSION_MANAGER:
        checks.append(check(about, "Session Manager's plugin", session_manager))
    try:
        aws = connect(resolve_region(spec.infra.region))
    except SpotkilnError as error:
        return [*checks, of_error(about, "region", error)]
    checks.append(Check(about=about, name="region", ok=True, detail=aws.region))
    checks.append(check(about, "credentials", lambda: as_whom(who(aws))))
    if not checks[-1].ok:
        return checks
    if deployment.flow == PREVIEW:
        return [*checks, *preview.examine(deployment, aws, spec)]
    return [*checks, *account.examine(about, aws, spec, reached=reached)]


def as_whom(arn: str) -> str:
    """Whose credentials they are: of a session its role and its name."""
    _, _, service, _, account, named = arn.split(":", 5)
    kind, _, name = named.partition("/")
    if service == "sts" and kind == "assumed-role":
        role, _, session = name.partition("/")
        return f"account {account}, role {role} (session {session})"
    return f"account {account}, {f'{kind} {name}' if name else named}"


def freeze(spec: ReleaseSpec) -> str:
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


def on_commit(spec: ReleaseSpec) -> str:
    """Which host is told of releases. The token itself is not tried.

    Raises:
        InputError: nothing tells which host it is, or there is no such secret.
    """
    found = find_repository(spec.on_commit, spec.app.repository)
    ask(secret.require, spec.on_commit.secret)
    return f"{found.path} at {found.api} ({found.kind})"


def hooks(spec: ReleaseSpec) -> str:
    """What is told or asked at which moment. None of it is tried.

    Raises:
        InputError: there is no such secret.
    """
    if spec.hooks.secret:
        ask(secret.require, spec.hooks.secret)
    found = ((moment, one) for moment, one in spec.hooks.each() if one.asked)
    return ", ".join(f"{moment}: {one.host or 'a command'}" for moment, one in found)


def repository(spec: ReleaseSpec) -> str:
    """As a release gets it: with what the commit says of itself."""
    with tempfile.TemporaryDirectory(prefix="spotkiln-doctor-") as folder:
        source = check_out(spec.app, Path(folder) / "source")
    return f"{source.repository}: {source.ref} is {source.commit[:12]}"


def session_manager() -> str:
    """
    Raises:
        InputError: it is not here.
    """
    path = shutil.which(PLUGIN)
    if path is None:
        raise InputError(
            f"no {PLUGIN} on PATH, and ssh_interface is session_manager: install it, as AWS's "
            "manual of Session Manager says"
        )
    return path
