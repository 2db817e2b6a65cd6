"""The step that looks up what is known of what is in an image."""

from datetime import UTC, datetime

from prefect import task

from spotkiln.prefect_api import contents, of_image
from spotkiln.prefect_api.connection import ask
from spotkiln.prefect_api.of_image import What
from spotkiln.release.vulnerabilities import Known, Vulnerabilities
from spotkiln.tasks.step import STEP, not_urgent, say
from spotkiln.workdir import home


def look_up_vulnerabilities(asked: Vulnerabilities, image: str) -> Known:
    """What is known now, kept for `spotkiln status NAME`. What cannot be read is told in it."""
    # It takes a while to load, and few processes need it.
    from spotkiln.sbom.check import check

    found = ask(contents.read, image)
    known = check(image, found, asked, home() / "vulnerabilities", datetime.now(UTC))
    for one in known.troubles:
        say(f"not checked for known vulnerabilities: {one}")
    with not_urgent("keep what is known of the image", "`spotkiln status NAME` does not tell it"):
        ask(of_image.write, What.VULNERABILITIES, image, known.model_dump_json())
    return known


@task(name="check vulnerabilities", task_run_name="3 test: known vulnerabilities", **STEP)
def check_vulnerabilities(asked: Vulnerabilities, image: str) -> Known:
    """As the release's gate judges by it."""
    return look_up_vulnerabilities(asked, image)
