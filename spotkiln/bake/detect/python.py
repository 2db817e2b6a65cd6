"""Python: Django, or another application on WSGI or ASGI."""

import re
import shlex

from spotkiln.bake.detect.database import django_on_sqlite
from spotkiln.bake.detect.detected import UNUSED, Detected, Notes
from spotkiln.bake.detect.entry import find_entry
from spotkiln.bake.detect.locked import of_poetry, of_requirements, of_uv, say_lock
from spotkiln.bake.detect.project import PINNED, Project
from spotkiln.bake.detect.wanted import debug_off, django_wants, say_services, stand_ins
from spotkiln.bake.interpreter import Interpreter
from spotkiln.bake.processes import Process
from spotkiln.bake.tree import Tree

PYTHON = ".venv/bin/python"
SETTINGS = "DJANGO_SETTINGS_MODULE"
# Programs of the virtual environment.
_INSIDE = re.compile(
    r"python3?|gunicorn|uvicorn|hypercorn|daphne|waitress-serve|uwsgi|flask|alembic|django-admin"
    r"|celery|rq|dramatiq|arq"
)
# By os.environ, os.getenv, django-environ, python-decouple and their like.
SECRET_KEY = re.compile(
    r"^\s*SECRET_KEY\s*(?::\s*str\s*)?=\s*[\w.]*(?:env|environ|environ\.get|getenv|env\.str|config)"
    r"\s*[\[(]\s*['\"](\w+)['\"]",
    re.MULTILINE,
)
ASGI = ("fastapi", "starlette", "litestar", "quart", "django-ninja")
WSGI = ("flask", "bottle", "falcon", "pyramid")
SERVERS = ("gunicorn", "uvicorn", "hypercorn", "daphne", "waitress")
TESTERS = ("pytest-django", "pytest")
LOCKED = {"uv.lock": of_uv, "poetry.lock": of_poetry}


def python_programs(program: str) -> str:
    """A program of the virtual environment by its place; any other as it is."""
    return f".venv/bin/{program}" if _INSIDE.fullmatch(program) else program


def _install(tree: Tree, project: Project, notes: Notes) -> str:
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


def _serve(
    project: Project, notes: Notes, module: str, *, asgi: bool, why: str, before: str = ""
) -> None:
    """`module` is what servers are given, such as shop.wsgi:application; `before` stands before
    the command."""
    server = next((one for one in SERVERS if one in project.by), "")
    # A pack of several, as fastapi[standard] is, brings uvicorn.
    if not server and asgi and "fastapi" in project.by:
        server = "uvicorn"
    if not server:
        program = "uvicorn --host 0.0.0.0 --port" if asgi else "gunicorn --bind 0.0.0.0:"
        program = program + (" $PORT" if asgi else "$PORT")
        notes.miss(
            "start",
            f"{why}, and no server is asked for: add one to the packages, such as "
            f"{program.split()[0]}, or install it in `build`, and start with "
            f"`{before}{PYTHON} -m {program} {module}`",
        )
        return
    told = project.has(server) or "fastapi brings uvicorn"
    if module.endswith("()"):
        # A function that makes the application: each server has its own word for that.
        module = {
            "gunicorn": f"'{module}'",
            "uvicorn": f"--factory {module.removesuffix('()')}",
            "waitress": f"--call {module.removesuffix('()')}",
        }.get(server, module)
    commands = {
        "gunicorn": f"{PYTHON} -m gunicorn --bind 0.0.0.0:$PORT {module}",
        "uvicorn": f"{PYTHON} -m uvicorn --host 0.0.0.0 --port $PORT {module}",
        "hypercorn": f"{PYTHON} -m hypercorn --bind 0.0.0.0:$PORT {module}",
        "daphne": f"{PYTHON} -m daphne -b 0.0.0.0 -p $PORT {module}",
        "waitress": f"{PYTHON} -m waitress --port=$PORT {module}",
    }
    command = commands[server]
    if server == "gunicorn" and asgi:
        worker = "uvicorn_worker" if "uvicorn-worker" in project.by else "uvicorn.workers"
        command = command.replace(" --bind", f" --worker-class {worker}.UvicornWorker --bind")
    notes.say("start", before + command, f"{told}; {why}")
    notes.say("notify", False, f"{told}: that it is ready, its health path tells")


def _pytest(project: Project, notes: Notes) -> bool:
    why = project.tester(*TESTERS)
    if why and not notes.missed("test"):
        notes.say("test", f'{PYTHON} -m pytest --junitxml="$JUNIT"', why)
    return bool(why)


def _settings_of(tree: Tree, path: str) -> str:
    """The settings that a file takes unless it is told others; empty if it names none."""
    found = re.search(rf"{SETTINGS}['\"]\]?\s*[,=]\s*['\"]([\w.]+)", tree.text(path))
    return found[1] if found else ""


def _made(settings: list[str], project: Project) -> dict[str, str]:
    """What the build makes of files that visitors are sent: each command by its reason."""

    def has(pattern: str) -> bool:
        return any(re.search(pattern, one, re.MULTILINE) for one in settings)

    found = {}
    if has(r"^\s*STATIC_ROOT\s*[:=]"):
        found["settings have STATIC_ROOT"] = "collectstatic --noinput"
    if project.has("django-compressor") and has(r"^\s*COMPRESS_OFFLINE\s*=\s*True\b"):
        found["settings have COMPRESS_OFFLINE"] = "compress"
    return found


def _django(tree: Tree, project: Project, why: str, install: str, notes: Notes) -> None:
    settings = _settings_of(tree, "manage.py")
    package = settings.split(".")[0]
    settings_files = [text for name, text in tree.texts.items() if "settings" in name]
    made = _made(settings_files, project)
    if not notes.missed("build"):
        commands = (f"{PYTHON} manage.py {one}" for one in made.values())
        build = " && ".join(filter(None, [install, *commands]))
        notes.say("build", build, ", ".join([why, *made]))
    notes.say("migrate", f"{PYTHON} manage.py migrate --noinput", why)
    if local := django_on_sqlite(tree):
        notes.say("migrate_on", "each", local)
    server = next((one for one in SERVERS if one in project.by), "")
    asgi = server in {"uvicorn", "hypercorn", "daphne"}
    kind = "asgi" if asgi else "wsgi"
    modules = tree.fitting(rf"[^/]+/{kind}\.py")
    if modules:
        package = modules[0].split("/")[0] if f"{package}/{kind}.py" not in modules else package
        module = f"{package}.{kind}:application"
        _serve(project, notes, module, asgi=asgi, why=f"{package}/{kind}.py is there")
    else:
        notes.miss("start", f"{why}, and there is no {kind}.py beside its settings")
    if not _pytest(project, notes):
        reporter = project.tester("unittest-xml-reporting")
        if reporter and any("JUNIT" in one for one in settings_files):
            notes.say(
                "test", f"{PYTHON} manage.py test --noinput", f"{reporter}; settings name JUNIT"
            )
        elif reporter:
            runner = "--testrunner xmlrunner.extra.djangotestrunner.XMLTestRunner"
            # It writes to the file that TEST_OUTPUT_FILE_NAME of the settings names.
            notes.miss(
                "test",
                f"{reporter}: let the settings have TEST_OUTPUT_FILE_NAME = os.environ['JUNIT'] "
                f"and test with `{PYTHON} manage.py test {runner}`",
            )
        else:
            notes.miss(
                "test",
                f"{why}, and nothing that writes a JUnit report: let `test_setup` install "
                "unittest-xml-reporting, and the settings of the tests have its runner, or add "
                "pytest-django (docs/tests.md has the lines)",
            )
    serving = _settings_of(tree, modules[0]) if modules else ""
    if serving or settings:
        why = f"{modules[0]} names it" if serving else "manage.py names it"
        debug = debug_off(tree)
        told = "".join(f"; settings have DEBUG on without {one}" for one in debug)
        notes.say("environment", {SETTINGS: serving or settings, **debug}, why + told)
        _build_environment(serving or settings, why, tree, _secret_key(settings_files), notes)
    if settings:
        tested, why = _settings_for_tests(tree, settings)
        secret = _secret_key(settings_files)
        key = {secret: "only-for-tests"} if secret else {}
        variables = {SETTINGS: tested, **debug_off(tree), **key}
        notes.say("test_environment", variables, why)


def _secret_key(files: list[str]) -> str:
    """The variable that the settings read their secret from, of their contents; or nothing."""
    found = next(filter(None, map(SECRET_KEY.search, files)), None)
    return found[1] if found else ""


def _settings_for_tests(tree: Tree, settings: str) -> tuple[str, str]:
    """Where settings are split, a developer's may need packages that the image has not."""
    package = settings if tree.has(f"{settings.replace('.', '/')}/__init__.py") else ""
    package = package or settings.rpartition(".")[0]
    if package.split(".")[-1] == "settings":
        for name in ("test", "tests", "testing", "ci"):
            if file := tree.has(f"{package.replace('.', '/')}/{name}.py"):
                return f"{package}.{name}", f"{file} is there"
    return settings, "manage.py names it"


def _build_environment(settings: str, why: str, tree: Tree, secret: str, notes: Notes) -> None:
    """With what stands in for variables that the settings cannot be loaded without."""
    stand_in = {**({secret: UNUSED} if secret else {}), **stand_ins(tree)}
    debug = debug_off(tree)
    if stand_in:
        what = "the secret that the settings ask for" if [*stand_in] == [secret] else "settings"
        why += f"; {', '.join(stand_in)} stand{'s' * (len(stand_in) == 1)} in for {what}"
    notes.say("build_environment", {SETTINGS: settings, **debug, **stand_in}, why)


def _django_below(manage: str, tree: Tree, why: str, install: str, notes: Notes) -> None:
    """Its manage.py is in a folder, beside its package."""
    folder = manage.removesuffix("/manage.py")
    modules = tree.fitting(rf"{re.escape(folder)}/[^/]+/wsgi\.py")
    package = modules[0].split("/")[1] if modules else "NAME"
    if not notes.missed("build"):
        notes.say("build", install, why)
    notes.say("migrate", f"{PYTHON} {manage} migrate --noinput", f"{manage} is there")
    notes.miss(
        "start",
        f"{manage} is not at the top: it may be `{PYTHON} -m gunicorn --chdir {folder} "
        f"--bind 0.0.0.0:$PORT {package}.wsgi:application`, with {SETTINGS} in environment, "
        "build_environment and test_environment",
    )


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
        _serve(project, notes, found.module, asgi=asgi, why=why, before=found.before)
    else:
        notes.miss("start", f"{why}, and no file is known that has the application object")
    if not _pytest(project, notes):
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
    install = _install(tree, project, notes)
    if django and tree.has("manage.py"):
        _django(tree, project, django, install, notes)
    elif django and (below := tree.fitting(r"[^/]+/manage\.py")):
        _django_below(below[0], tree, django, install, notes)
        _pytest(project, notes)
    else:
        _framework(tree, project, install, notes)
    _celery(tree, project, notes)
    (django_wants(tree, project.has, notes) if django else say_services(project.has, notes))
    notes.say("notify", False, "that it is ready, its health path tells")
    notes.say("health_path", "/", "none is known: name one that needs no login and no database")
    if project.requires:
        notes.need_version(Interpreter.PYTHON, project.requires, "pyproject.toml", demanded=True)
    return notes.told()
