"""What is detected of Python applications that are laid out in another way than most."""

import pytest

from spotkiln.bake.detect.detected import UNUSED
from tests.unit.bake.trees import told, values, why

MANAGE = {
    "manage.py": "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')\n",
    "shop/wsgi.py": "",
}
INSTALL = ".venv/bin/python -m pip install --quiet"


@pytest.mark.parametrize("name", ["production", "prod", "base"])
def test_requirements_that_are_in_their_folder_alone(name: str) -> None:
    file = f"requirements/{name}.txt"
    found = told(**MANAGE, **{file: "django\ngunicorn\n", "requirements/test.txt": "pytest-django"})
    installed = f"python3 -m venv .venv && {INSTALL} --requirement {file}"
    assert (values(found)["dependencies"], values(found)["build"]) == (installed, "")
    assert values(found)["start"].startswith(".venv/bin/python -m gunicorn")
    assert values(found)["test_setup"] == f"{INSTALL} --requirement requirements/test.txt"
    both = told(**MANAGE, **{"requirements.txt": "django\n", file: "django\n"})
    assert values(both)["dependencies"].endswith("--requirement requirements.txt")


@pytest.mark.parametrize(
    "file",
    [
        "requirements/local.txt", "requirements/development.txt", "requirements/tests.txt",
        "requirements/testing.txt", "test-requirements.txt", "requirements-tests.txt",
    ],
)  # fmt: skip
def test_requirements_of_tests_by_other_names(file: str) -> None:
    found = told(**MANAGE, **{"requirements.txt": "django\n", file: "pytest-django\n"})
    assert values(found)["test_setup"] == f"{INSTALL} --requirement {file}"
    assert "pytest" in values(found)["test"]


def test_packages_that_no_file_names_are_asked_for() -> None:
    """`pip install .` of a folder that is no package only fails when it is baked."""
    found = told(**MANAGE)
    assert "build" not in values(found)
    assert "requirements.txt" in found.missing["build"]
    pipenv = told(**MANAGE, **{"Pipfile": "", "Pipfile.lock": "{}"})
    assert "Pipfile.lock" in pipenv.missing["build"]
    assert "pipenv requirements" in pipenv.missing["build"]


SPLIT = {
    "requirements.txt": "django\ngunicorn\n",
    "manage.py": "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'config.settings.local')\n",
    "config/wsgi.py": "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'config.settings.prod')\n",
    "config/settings/base.py": "STATIC_ROOT = 'static'\n"
    "DATABASES = {'default': env.db('DATABASE_URL')}\nMAIL = env('MAIL_URL')\n"
    "SIZE = env.int('SIZE')\n",
    "config/settings/prod.py": "SECRET_KEY = env('DJANGO_SECRET_KEY')\n",
    "config/settings/local.py": "KEY = env('LOCAL_KEY')\n",
}


def test_split_settings_are_tested_with_those_for_tests() -> None:
    """A developer's need packages that the image does not have."""
    found = told(**SPLIT, **{"config/settings/test.py": "from .base import *\n"})
    variables = values(found)["test_environment"]
    assert variables["DJANGO_SETTINGS_MODULE"] == "config.settings.test"
    assert why(found, "test_environment").startswith("config/settings/test.py is there")
    without = values(told(**SPLIT))["test_environment"]
    assert without["DJANGO_SETTINGS_MODULE"] == "config.settings.local"


def test_the_build_has_stand_ins_for_all_that_settings_demand_as_text() -> None:
    """Else `collectstatic` fails once for each."""
    assert values(told(**SPLIT))["build_environment"] == {
        "DJANGO_SETTINGS_MODULE": "config.settings.prod",
        "DJANGO_SECRET_KEY": UNUSED,
        "DATABASE_URL": "sqlite://:memory:",
        "MAIL_URL": UNUSED,
    }


def test_the_tests_have_a_stand_in_for_the_secret_key() -> None:
    found = told(**SPLIT)
    assert values(found)["test_environment"]["DJANGO_SECRET_KEY"] == "only-for-tests"
    # Those of services are set by the services.
    assert "DATABASE_URL" not in values(found)["test_environment"]


def test_a_manage_py_in_a_folder_is_told_of_and_migrates() -> None:
    project = '[project]\nname = "a"\ndependencies = ["django", "gunicorn"]\n'
    found = told(**{"pyproject.toml": project, "src/manage.py": "", "src/shop/wsgi.py": ""})
    assert values(found)["migrate"] == ".venv/bin/python src/manage.py migrate --noinput"
    assert "gunicorn --chdir src --bind 0.0.0.0:$PORT shop.wsgi" in found.missing["start"]
    assert "no migration" not in why(found, "migrate")


@pytest.mark.parametrize(
    ("path", "text", "start"),
    [
        ("app/main.py", "def create_app() -> FastAPI:\n    ...\n\napp = create_app()\n",
         "uvicorn --host 0.0.0.0 --port $PORT app.main:app"),
        ("app/main.py", "from app.factory import build_app\napplication: FastAPI = build_app(1)\n",
         "uvicorn --host 0.0.0.0 --port $PORT app.main:application"),
        ("app/main.py", "def create_app() -> FastAPI:\n    ...\n",
         "uvicorn --host 0.0.0.0 --port $PORT --factory app.main:create_app"),
        ("src/main.py", "from src.config import x\napp = FastAPI()\n",
         "uvicorn --host 0.0.0.0 --port $PORT src.main:app"),
    ],
)  # fmt: skip
def test_where_the_application_object_is(path: str, text: str, start: str) -> None:
    found = told(**{"requirements.txt": "fastapi\nuvicorn\n", path: text})
    assert values(found).get("start") == f".venv/bin/python -m {start}"


@pytest.mark.parametrize(
    ("project", "before"),
    [
        ("[build-system]\nrequires = ['hatchling']\n", ""),
        ("", "PYTHONPATH=src "),
    ],
)
def test_a_src_folder_that_nothing_installs_is_named(project: str, before: str) -> None:
    files = {"requirements.txt": "fastapi\nuvicorn\n", "pyproject.toml": project}
    if not before:
        del files["requirements.txt"]
        files["pyproject.toml"] += (
            "[project]\nname = 'shop'\ndependencies = ['fastapi', 'uvicorn']\n"
        )
    found = told(**files, **{"src/shop/main.py": "app = FastAPI()\n", "src/shop/__init__.py": ""})
    assert values(found)["start"] == (
        f"{before}.venv/bin/python -m uvicorn --host 0.0.0.0 --port $PORT shop.main:app"
    )


def test_flask_migrate_migrates() -> None:
    files = {
        "requirements.txt": "flask\ngunicorn\nflask-migrate\n",
        "shop/__init__.py": "def create_app(config=None):\n",
        "wsgi.py": "from shop import create_app\napp = create_app()\n",
    }
    assert values(told(**files))["migrate"] == ""
    found = told(**files, **{"migrations/alembic.ini": "", "migrations/env.py": ""})
    assert values(found)["migrate"] == "FLASK_APP=wsgi:app .venv/bin/python -m flask db upgrade"
    assert values(found)["start"].endswith("gunicorn --bind 0.0.0.0:$PORT wsgi:app")
    del files["wsgi.py"]
    made = told(**files, **{"migrations/alembic.ini": ""})
    assert values(made)["migrate"].startswith("FLASK_APP='shop:create_app()' ")


def test_a_variable_that_names_the_database_is_no_folder() -> None:
    settings = "NAME = 1\nD = {'NAME': os.getenv('DB_NAME', BASE_DIR / 'data' / 'hc.sqlite3')}\n"
    found = told(**MANAGE, **{"requirements.txt": "django\n", "shop/settings.py": settings})
    assert values(found)["writable"] == ("data", "media")


def test_a_clock_with_its_times_in_the_database_is_suggested() -> None:
    settings = "CELERY_BEAT_SCHEDULER = 'django_celery_beat.schedulers:DatabaseScheduler'\n"
    files = {
        "requirements.txt": "django\ncelery\n",
        "shop/celery.py": "",
        "shop/settings.py": settings,
    }
    found = told(**MANAGE, **files)
    (one,) = (one for one in found.suggested if one.key == "processes")
    assert set(one.value) == {"worker", "beat"}


def test_djangos_own_runner_as_the_documentation_has_it() -> None:
    """The settings name the folder of the reports, and the command does not."""
    settings = 'if "JUNIT" in os.environ:\n    TEST_OUTPUT_DIR = os.environ["JUNIT"]\n'
    files = {"requirements.txt": "django\nunittest-xml-reporting\n", "shop/settings.py": settings}
    found = told(**MANAGE, **files)
    assert values(found)["test"] == ".venv/bin/python manage.py test --noinput"
    assert "JUNIT" in told(**MANAGE, **{**files, "shop/settings.py": ""}).missing["test"]


def test_what_visitors_are_sent_is_made_at_build_time() -> None:
    files = {
        "requirements.txt": "django\ngunicorn\ndjango-compressor\n",
        "manage.py": "DJANGO_SETTINGS_MODULE', 'shop.settings'",
        "shop/wsgi.py": "",
    }
    texts = "STATIC_ROOT = BASE_DIR / 'static'\nCOMPRESS_OFFLINE = True\n"
    built = values(told(**files, **{"shop/settings.py": texts}))["build"]
    assert [one.split()[-2:] for one in built.split(" && ")][-2:] == [
        ["collectstatic", "--noinput"],
        ["manage.py", "compress"],
    ]
    later = texts.replace("True", "not DEBUG")
    assert "compress" not in values(told(**files, **{"shop/settings.py": later}))["build"]


def test_without_a_server_the_line_to_write_is_told() -> None:
    files = {"requirements.txt": "django\n", "manage.py": "", "shop/wsgi.py": ""}
    missing = told(**files).missing
    assert (
        "`.venv/bin/python -m gunicorn --bind 0.0.0.0:$PORT shop.wsgi:application`"
        in missing["start"]
    )
    assert "unittest-xml-reporting" in missing["test"]
    asgi = told(**{"requirements.txt": "starlette\n", "app.py": "app = Starlette()\n"}).missing
    assert "-m uvicorn --host 0.0.0.0 --port $PORT app:app`" in asgi["start"]
