"""Django: where its settings, its migrations and its static files are told."""

import re

from spotkiln.bake.detect.database import django_on_sqlite
from spotkiln.bake.detect.detected import UNUSED, Notes
from spotkiln.bake.detect.project import Project
from spotkiln.bake.detect.python_packages import PYTHON
from spotkiln.bake.detect.python_server import SERVERS, by_pytest, serve
from spotkiln.bake.detect.wanted import debug_off, stand_ins
from spotkiln.bake.tree import Tree

SETTINGS = "DJANGO_SETTINGS_MODULE"


# By os.environ, os.getenv, django-environ, python-decouple and their like.
SECRET_KEY = re.compile(
    r"^\s*SECRET_KEY\s*(?::\s*str\s*)?=\s*[\w.]*(?:env|environ|environ\.get|getenv|env\.str|config)"
    r"\s*[\[(]\s*['\"](\w+)['\"]",
    re.MULTILINE,
)


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


def django_at_the_top(tree: Tree, project: Project, why: str, install: str, notes: Notes) -> None:
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
        serve(project, notes, module, asgi=asgi, why=f"{package}/{kind}.py is there")
    else:
        notes.miss("start", f"{why}, and there is no {kind}.py beside its settings")
    if not by_pytest(project, notes):
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
                "pytest-django (`spotkiln docs tests` has the lines)",
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


def django_below(manage: str, tree: Tree, why: str, install: str, notes: Notes) -> None:
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
