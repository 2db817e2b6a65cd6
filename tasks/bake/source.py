"""The step that checks out one commit."""

from pathlib import Path

from prefect import task

from spotkiln.bake import checkout
from spotkiln.bake.app import AppSpec
from spotkiln.bake.infra import Infra
from spotkiln.bake.source import Source
from spotkiln.tasks.step import STEP, say


@task(name="check out", task_run_name="1 look up: check out", **STEP)
def check_out(app: AppSpec, infra: Infra, folder: Path) -> Source:
    """A clean archive of the commit, and how that commit is released."""
    return checkout.check_out(app, infra, folder, say)
