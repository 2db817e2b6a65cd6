"""What is detected of Django and of how Python packages are installed."""

import pytest

from spotkiln.bake.detect.detected import UNUSED
from tests.unit.bake.trees import (
    DJANGO,
    DJANGO_PIP,
    DJANGO_POETRY,
    DJANGO_UV,
    needs,
    told,
    values,
    why,
)


def test_django_with_uv() -> None:
    found = told(**DJANGO_UV)
    assert (found.kind, values(found)) == (
        "Django",
        {
            "dependencies": "UV_PYTHON_DOWNLOADS=never uv sync --frozen --no-dev",
            "lock": ("pyproject.toml", "uv.lock", ".python-version"),
            "build": ".venv/bin/python manage.py collectstatic --noinput",
            "test_setup": "UV_PYTHON_DOWNLOADS=never uv sync --frozen",
            "test": '.venv/bin/python -m pytest --junitxml="$JUNIT"',
            "migrate": ".venv/bin/python manage.py migrate --noinput",
            "start": ".venv/bin/python -m gunicorn --bind 0.0.0.0:$PORT shop.wsgi:application",
            "notify": False,
            "health_path": "/",
            "environment": {"DJANGO_SETTINGS_MODULE": "shop.settings"},
            "build_environment": {"DJANGO_SETTINGS_MODULE": "shop.settings"},
            "test_environment": {"DJANGO_SETTINGS_MODULE": "shop.settings"},
            "writable": ("media",),
        },
    )
    assert why(found, "start") == "pyproject.toml has gunicorn; shop/wsgi.py is there"
    assert needs(found) == (
        "uv (uv.lock)",
        "Python >=3.12 (pyproject.toml)",
        "Python 3.12 (.python-version)",
    )


def test_django_with_pip() -> None:
    found = told(**DJANGO_PIP)
    assert values(found)["dependencies"] == (
        "python3 -m venv .venv"
        " && .venv/bin/python -m pip install --quiet --requirement requirements.txt"
    )
    assert values(found)["build"] == ".venv/bin/python manage.py collectstatic --noinput"
    assert values(found)["test_setup"].endswith("--requirement requirements-dev.txt")
    assert why(found, "migrate") == "requirements.txt has django"
    assert why(found, "test") == "requirements-dev.txt has pytest-django"
    assert found.missing == {}
    assert "requirements.txt takes in base.txt, which is not there" in found.no_layer


def test_static_files_that_are_not_collected() -> None:
    settings = "# STATIC_ROOT = BASE_DIR / 'static'\nSTATIC_URL = '/static/'\n"
    assert (
        "collectstatic" not in values(told(**{**DJANGO_PIP, "shop/settings.py": settings}))["build"]
    )


PIP = ".venv/bin/python -m pip install --quiet"
UV = "UV_PYTHON_DOWNLOADS=never uv sync --frozen"
POETRY = "POETRY_VIRTUALENVS_IN_PROJECT=true poetry install --no-interaction"


@pytest.mark.parametrize(
    ("lock_file", "where", "setup"),
    [
        ("uv.lock", '[dependency-groups]\ntest = ["pytest>=8", "x"]', f"{UV} --group test"),
        ("uv.lock", '[dependency-groups]\ndev = ["pytest>=8"]', UV),
        ("uv.lock", '[tool.uv]\ndev-dependencies = ["pytest"]', UV),
        ("uv.lock", '[project.optional-dependencies]\ntest = ["pytest"]', f"{UV} --extra test"),
        (
            "poetry.lock",
            '[project.optional-dependencies]\ntest = ["pytest"]',
            f"{POETRY} --extras test",
        ),
        ("poetry.lock", '[tool.poetry.group.test.dependencies]\npytest = "*"', POETRY),
        ("", '[project.optional-dependencies]\ntest = ["pytest>=8", "x"]', f"{PIP} 'pytest>=8' x"),
        (
            "requirements.txt",
            "[dependency-groups]\ntest = [\"pytest; python_version < '4'\"]",
            f"""{PIP} 'pytest; python_version < '"'"'4'"'"''""",
        ),
    ],
)
def test_what_tests_need_is_installed_from_where_it_is_named(
    lock_file: str, where: str, setup: str
) -> None:
    project = f'[project]\nname = "shop"\ndependencies = ["flask", "gunicorn"]\n{where}\n'
    files = {"pyproject.toml": project, "shop.py": "app = Flask(__name__)\n"}
    if lock_file:
        files[lock_file] = "flask\n" if lock_file == "requirements.txt" else ""
    found = values(told(**files))
    assert found["test_setup"] == setup
    assert found["test"] == '.venv/bin/python -m pytest --junitxml="$JUNIT"'


def test_what_tests_need_may_be_in_two_places() -> None:
    project = '[dependency-groups]\ntest = ["pytest"]\n'
    files = {**DJANGO_PIP, "pyproject.toml": project, "requirements-dev.txt": "ruff\n"}
    assert values(told(**files))["test_setup"] == (
        f"{PIP} --requirement requirements-dev.txt && {PIP} pytest"
    )
    assert values(told(**{**files, "requirements-dev.txt": "-r requirements.txt\npytest"}))[
        "test_setup"
    ].endswith("requirements-dev.txt")


def test_a_server_that_is_for_development_alone_does_not_serve() -> None:
    project = '[project]\nname = "x"\ndependencies = ["fastapi", "hypercorn"]\n'
    groups = '[dependency-groups]\ndev = ["uvicorn"]\n'
    found = told(**{"pyproject.toml": project + groups, "main.py": "app = FastAPI()\n"})
    assert ".venv/bin/python -m hypercorn" in values(found)["start"]


def test_tests_that_pip_would_not_install() -> None:
    project = (
        '[tool.poetry.dependencies]\nflask = "*"\n[tool.poetry.dev-dependencies]\npytest = "*"'
    )
    found = told(**{"pyproject.toml": project})
    assert "poetry.lock" in found.missing["test"]


def test_django_with_poetry() -> None:
    found = told(**DJANGO_POETRY)
    assert values(found)["dependencies"] == (
        "POETRY_VIRTUALENVS_IN_PROJECT=true poetry install --no-interaction --only main"
    )
    assert values(found)["build"] == ""
    assert values(found)["start"] == (
        ".venv/bin/python -m uvicorn --host 0.0.0.0 --port $PORT config.asgi:application"
    )
    assert "TEST_OUTPUT_FILE_NAME" in found.missing["test"]
    assert needs(found) == ("poetry (poetry.lock)", "Python ^3.11 (pyproject.toml)")


def test_requirements_that_take_in_others() -> None:
    """Each once, and none outside of the application."""
    files = {
        **DJANGO,
        "requirements.txt": "-r requirements/production.txt\n",
        "requirements/production.txt": "-r base.txt\n--requirement=../requirements.txt\ngunicorn\n",
        "requirements/base.txt": "-r ../../secret.txt\nDjango>=5\n",
    }
    found = told(**files)
    assert why(found, "migrate") == "requirements/base.txt has django"
    assert why(found, "start").startswith("requirements/production.txt has gunicorn")


def test_what_serves_may_have_other_settings() -> None:
    wsgi = 'os.environ["DJANGO_SETTINGS_MODULE"] = "shop.settings.production"\n'
    found = told(**{**DJANGO_PIP, "shop/wsgi.py": wsgi})
    assert values(found)["environment"] == {"DJANGO_SETTINGS_MODULE": "shop.settings.production"}
    assert why(found, "environment") == "shop/wsgi.py names it"
    assert values(found)["test_environment"] == {"DJANGO_SETTINGS_MODULE": "shop.settings"}


@pytest.mark.parametrize(
    "line",
    [
        'SECRET_KEY = os.environ["SHOP_KEY"]',
        "SECRET_KEY = os.environ.get('SHOP_KEY')",
        'SECRET_KEY: str = os.getenv("SHOP_KEY", "")',
        'SECRET_KEY = env("SHOP_KEY")',
        'SECRET_KEY = env.str("SHOP_KEY")',
        "SECRET_KEY = config('SHOP_KEY')",
    ],
)
def test_the_build_of_django_gets_a_stand_in_for_the_secret_of_its_settings(line: str) -> None:
    files = {**DJANGO_UV, "shop/settings.py": f'{line}\nSTATIC_ROOT = "static"\n'}
    found = told(**files)
    assert values(found)["build_environment"] == {
        "DJANGO_SETTINGS_MODULE": "shop.settings",
        "SHOP_KEY": UNUSED,
    }
    assert why(found, "build_environment").endswith(
        "; SHOP_KEY stands in for the secret that the settings ask for"
    )
    assert "SHOP_KEY" not in values(found)["environment"]


@pytest.mark.parametrize(
    "line",
    ['SECRET_KEY = "django-insecure-x"', 'SECRET_KEY_FALLBACKS = env("OLD_KEYS", default="")'],
)
def test_settings_with_a_secret_of_their_own_need_no_stand_in(line: str) -> None:
    found = told(**{**DJANGO_UV, "shop/settings.py": line})
    assert values(found)["build_environment"] == {"DJANGO_SETTINGS_MODULE": "shop.settings"}
