"""Python: Django, or another application on WSGI or ASGI."""

import re
import shlex

from spotkiln.bake.detect.detected import Detected, Notes
from spotkiln.bake.detect.django import django_at_the_top, django_below
from spotkiln.bake.detect.entry import find_entry
from spotkiln.bake.detect.project import PINNED, Project
from spotkiln.bake.detect.python_packages import PYTHON, install_command
from spotkiln.bake.detect.python_server import SERVERS, by_pytest, serve
from spotkiln.bake.detect.wanted import django_wants, say_services
from spotkiln.bake.interpreter import Interpreter
from spotkiln.bake.processes import Process
from spotkiln.bake.tree import Tree

# Programs of the virtual environment.
_INSIDE = re.compile(
    r"python3?|gunicorn|uvicorn|hypercorn|daphne|waitress-serve|uwsgi|flask|alembic|django-admin"
    r"|celery|rq|dramatiq|arq"
)
ASGI = ("fastapi", "starlette", "litestar", "quart", "django-ninja")
WSGI = ("flask", "bottle", "falcon", "pyramid")


def python_programs(program: str) -> str:
    """A program of the virtual environment by its place; any other as it is."""
    return f".venv/bin/{program}" if _INSIDE.fullmatch(program) else program


def _framework(tree: Tree, project: Project, install: str, notes: Notes) -> None:
    asgi_why, wsgi_why = project.has(*ASGI), project.has(*WSGI)
    why = asgi_why or wsgi_why or project.has(*SERVERS)
    if not notes.missed("build"):
        notes.say("build", install, why)
    asgi = bool(asgi_why)
    found = find_entry(tree, asgi=asgi, installed=project.installed)
    if migration := tree.has("alembic.ini"):
        notes.say("migrate", f"{PYTHON} -m alembic upgrade head", f"{migration} is there")
    elif found and (flask := project.has("flask-migrate")) and tree.has("migrations/alembic.ini"):
        command = f"FLASK_APP={shlex.quote(found.module)} {PYTHON} -m flask db upgrade"
        notes.say("migrate", found.before + command, f"{flask}, and migrations/alembic.ini")
    else:
        notes.say("migrate", "", "no migration is known")
    if found:
        why = f"{found.path} has the application"
        serve(project, notes, found.module, asgi=asgi, why=why, before=found.before)
    else:
        notes.miss("start", f"{why}, and no file is known that has the application object")
    if not by_pytest(project, notes):
        notes.miss("test", "nothing that writes a JUnit report: add pytest")


def _celery(tree: Tree, project: Project, notes: Notes) -> None:
    """Its worker, and its clock if it has a timetable, which may run on one server only."""
    why, files = project.has("celery"), tree.fitting(r"[^/]+/celery\.py")
    if not why or len(files) != 1:
        return
    app = files[0].removesuffix("/celery.py")
    command = f"{PYTHON} -m celery --app {app}"
    found = {"worker": Process(start=f"{command} worker --loglevel INFO")}
    texts = (text for name, text in tree.texts.items() if name == files[0] or "settings" in name)
    if any(re.search(r"beat_scheduler?\b", text, re.IGNORECASE) for text in texts):
        # Its state file goes to the state folder: all else is read-only.
        schedule = "--schedule $STATE_DIRECTORY/celerybeat-schedule"
        beat = f"{command} beat --loglevel INFO {schedule}"
        found["beat"] = Process(start=beat, once=True)
    needs = "the tests need its broker, such as `test_services: [redis]`"
    notes.suggest(
        "processes", found, f"{why}, {files[0]} is there: nothing else runs its jobs; {needs}"
    )


def detect_python(tree: Tree) -> Detected | None:
    if not tree.has("pyproject.toml", *PINNED, "manage.py"):
        return None
    project = Project(tree)
    django = project.has("django") or (tree.has("manage.py") and "manage.py is there")
    if not (django or project.has(*ASGI, *WSGI, *SERVERS)):
        return None
    notes = Notes("Django" if django else "Python")
    install = install_command(tree, project, notes)
    if django and tree.has("manage.py"):
        django_at_the_top(tree, project, django, install, notes)
    elif django and (below := tree.fitting(r"[^/]+/manage\.py")):
        django_below(below[0], tree, django, install, notes)
        by_pytest(project, notes)
    else:
        _framework(tree, project, install, notes)
    _celery(tree, project, notes)
    (django_wants(tree, project.has, notes) if django else say_services(project.has, notes))
    notes.say("notify", False, "that it is ready, its health path tells")
    notes.say("health_path", "/", "none is known: name one that needs no login and no database")
    if project.requires:
        notes.need_version(Interpreter.PYTHON, project.requires, "pyproject.toml", demanded=True)
    return notes.told()
