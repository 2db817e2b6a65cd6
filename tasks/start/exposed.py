"""The steps that look up, every night, what is known of what serves."""

from collections.abc import Iterable
from datetime import UTC, datetime

from prefect import task

from spotkiln.aws.bake.infra import target_group
from spotkiln.aws.serve.serving import serving_at
from spotkiln.aws.session import connect, resolve_region
from spotkiln.release.release import ReleaseSpec
from spotkiln.release.vulnerabilities import in_words
from spotkiln.start.night import Exposed
from spotkiln.tasks.bake.vulnerabilities import look_up_vulnerabilities
from spotkiln.tasks.deployed import settings_of
from spotkiln.tasks.start.nightly import NightRun
from spotkiln.tasks.step import STEP, not_urgent, say


def _serving(spec: ReleaseSpec) -> str:
    """The image that serves; empty if nothing of ours does."""
    aws = connect(resolve_region(spec.infra.region))
    group = target_group(aws, spec.infra.target_group)
    fleet = next(iter(serving_at(aws, group)), None)
    return fleet.image if fleet else ""


@task(name="check what serves", task_run_name="check {application}", **STEP)
def check_serving(application: str) -> Exposed | None:
    """None if its deployment asks for nothing, or nothing of it serves."""
    spec = settings_of(application)
    image = _serving(spec) if spec.vulnerabilities.asked else ""
    if not image:
        return None
    known = look_up_vulnerabilities(spec.vulnerabilities, image)
    told = in_words(known, spec.vulnerabilities, datetime.now(UTC).date())
    for line in told:
        say(f"{application}: {line}")
    return Exposed(application=application, image=image, told=tuple(told))


def check_all(night: NightRun, applications: Iterable[str]) -> None:
    """Each of them; one that cannot be checked does not keep the others."""
    for application in applications:
        with not_urgent(f"check what serves {application}", "the next night does it"):
            if found := check_serving(application):
                night.book = night.book.checked(found)
