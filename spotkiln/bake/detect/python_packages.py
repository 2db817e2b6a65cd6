"""How Python packages are installed: by uv, poetry or pip."""

import shlex

from spotkiln.bake.detect.detected import Notes
from spotkiln.bake.detect.locked import of_poetry, of_requirements, of_uv, say_lock
from spotkiln.bake.detect.project import Project
from spotkiln.bake.tree import Tree

PYTHON = ".venv/bin/python"


TESTERS = ("pytest-django", "pytest")
LOCKED = {"uv.lock": of_uv, "poetry.lock": of_poetry}


def install_command(tree: Tree, project: Project, notes: Notes) -> str:
    """Into .venv, so that nothing of the system is changed. What of it remains for the build:
    the application itself, where it is a package; dependencies come before it."""
    group = project.named_in(TESTERS, project.groups)
    extra = "" if group else project.named_in(TESTERS, project.extras)
    if tree.has("uv.lock"):
        # The base image's Python gets its updates each night; one that uv fetched would not.
        inside = "UV_PYTHON_DOWNLOADS=never uv sync --frozen"
        more = f" --extra {extra}" if extra else f" --group {group}"
        setup = f"{inside}{more}" if extra or group not in {"", "dev"} else inside
        notes.say("test_setup", setup, "uv.lock is there")
        notes.need("uv", "uv.lock")
        return _apart(project, f"{inside} --no-dev", "--no-install-project", "uv.lock", notes)
    if tree.has("poetry.lock"):
        # Where the start command and the tests' copy look for it, and not below HOME.
        inside = "POETRY_VIRTUALENVS_IN_PROJECT=true poetry install --no-interaction"
        more = f" --extras {extra}" if extra else ""
        notes.say("test_setup", f"{inside}{more}", "poetry.lock is there")
        notes.need("poetry", "poetry.lock")
        return _apart(project, f"{inside} --only main", "--no-root", "poetry.lock", notes)
    if not project.pinned_file and not project.is_package:
        pipenv = tree.has("Pipfile.lock")
        notes.miss(
            "build",
            "Pipfile.lock names the packages: commit what `pipenv requirements` tells as "
            "requirements.txt, or say build"
            if pipenv
            else "no file names the packages: commit a requirements.txt, or say build",
        )
    return _by_pip(project, group, extra, notes)


def _apart(project: Project, install: str, without_it: str, lock: str, notes: Notes) -> str:
    """`without_it` is the option that leaves out the application itself."""
    own = project.installed
    notes.say("dependencies", f"{install} {without_it}" if own else install, f"{lock} is there")
    say_lock(project.tree, notes, *LOCKED[lock](project.tree))
    return install if own else ""


def _by_pip(project: Project, group: str, extra: str, notes: Notes) -> str:
    """It knows groups only since 25.1: what is in one is named to it."""
    install = f"{PYTHON} -m pip install --quiet"
    installed = {*project.more, *(project.pinned or project.own)}
    parts, whys = [], []
    if project.more_file:
        parts.append(f"{install} --requirement {project.more_file}")
        whys.append(f"{project.more_file} is there")
    if not installed & {*TESTERS} and (group or extra):
        wanted = project.groups[group] if group else project.extras[extra]
        parts.append(f"{install} {' '.join(map(shlex.quote, wanted))}")
        whys.append(f"pyproject.toml has {group or extra}")
    elif not installed & {*TESTERS} and project.tester(*TESTERS):
        notes.miss(
            "test",
            "pip does not install what pyproject.toml has for tests: commit a poetry.lock, or say "
            "test_setup and test",
        )
    notes.say("test_setup", " && ".join(parts), ", ".join(whys) or "nothing more is known of")
    by_pip = f"python3 -m venv .venv && {install}"
    if not (pinned := project.pinned_file):
        notes.no_layer("pip installs the application itself, from all of its files")
        return f"{by_pip} ."
    notes.say("dependencies", f"{by_pip} --requirement {pinned}", f"{pinned} is there")
    say_lock(project.tree, notes, *of_requirements(project.tree, pinned))
    return ""
