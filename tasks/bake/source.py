"""Check out one commit."""

from pathlib import Path

from prefect import task

from spotkiln.bake import git
from spotkiln.bake.app import App
from spotkiln.bake.source import Source
from spotkiln.tasks.step import STEP, say


@task(name="check out", task_run_name="1 look up: check out", **STEP)
def check_out(app: App, folder: Path) -> Source:
    """A clean archive of the commit that the ref names now."""
    source = git.check_out(app, folder)
    say(f"{app.ref} is {source.commit[:12]}: {source.subject}")
    return source
