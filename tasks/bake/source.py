"""Check out one commit."""

from pathlib import Path

from prefect import task

from spotkiln.bake import git
from spotkiln.bake.app import AppSpec
from spotkiln.bake.infra import TargetGroup, check_fit
from spotkiln.bake.precedence import told
from spotkiln.bake.source import Source
from spotkiln.tasks.step import STEP, say


@task(name="check out", task_run_name="1 look up: check out", **STEP)
def check_out(app: AppSpec, group: TargetGroup, folder: Path) -> Source:
    """A clean archive of the commit that the ref names now, and how that commit is released.

    Raises:
        InputError: also when the commit does not answer where the target group asks.
    """
    source = git.check_out(app, folder)
    say(f"{app.ref} is {source.commit[:12]}: {source.subject}")
    say(told(source.settings, source.needs))
    check_fit(source.app, group)
    return source
