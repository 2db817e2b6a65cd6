"""What a release would do, by the functions that it would call; nothing is changed."""

import logging
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from spotkiln.aws.bake.elsewhere import recipe_for
from spotkiln.aws.bake.look_up import look_up_infra
from spotkiln.aws.release.plan import plan_release
from spotkiln.aws.session import connect
from spotkiln.bake.checkout import check_out
from spotkiln.bake.configuration import require_names
from spotkiln.errors import SpotkilnError
from spotkiln.poll import RealClock
from spotkiln.prefect_api import contents
from spotkiln.prefect_api.connection import ask
from spotkiln.release.freeze import frozen
from spotkiln.release.job import Job
from spotkiln.release.plan import Plan, what_would_change
from spotkiln.release.release import ReleaseSpec


def _say(text: str, level: int = logging.INFO) -> None:
    logging.getLogger("spotkiln").log(level, text)


def look(spec: ReleaseSpec) -> Plan:
    """As it is now, looked up as a release would.

    Raises:
        InputError: for whatever a release would be refused.
    """
    infra = look_up_infra(spec, None, _say)
    with tempfile.TemporaryDirectory(prefix="spotkiln-plan-") as folder:
        source = check_out(spec.app, infra, Path(folder) / "source", _say)
        require_names(source.app.config, infra.configuration)
        aws = connect(infra.region)
        recipe, taken = recipe_for(aws, spec, source, infra)
        job = Job(
            release=f"{spec.app.name}-{uuid4().hex[:12]}",
            spec=spec,
            infra=infra,
            source=source,
            recipe=recipe,
            tags={},
            folder=Path(folder),
            taken=taken,
        )
        found = plan_release(aws, job, clock=RealClock(), say=_say)
    try:
        found = ask(contents.with_packages, found)
    except SpotkilnError as error:
        _say(f"it is not known which Debian packages would change: {error}", logging.WARNING)
    until = frozen(spec.freeze, datetime.now(UTC))
    return found.model_copy(update={"frozen": str(until or "")})


def text(plan: Plan) -> str:
    infra = plan.infra
    zones = f"in {', '.join(infra.zones)} ({infra.region}, account {infra.account})"
    names = [
        f"target group: {infra.target_group.name} behind {infra.load_balancer} {zones}",
        f"base image: {' and '.join(map(str, infra.bases))}",
        f"security groups: {', '.join(infra.security_groups)}",
        f"fleet role: {infra.fleet_role or 'none'}",
        f"instance profile: {infra.instance_profile or 'none'}",
        f"key pair: {infra.key_pair or 'none'}",
    ]
    names += [f"mounts: {one.folder} on {one.name} ({one.source})" for one in infra.mounts]
    first, *others = what_would_change(plan)
    return "\n".join([first, *names, *others])
