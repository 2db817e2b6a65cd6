"""What is detected of applications as people have them."""

import json
from typing import Any

import pytest

from spotkiln.bake.description import Description
from spotkiln.bake.detect.detect import detect
from spotkiln.bake.detect.detected import UNUSED, Detected
from spotkiln.bake.keys import VARIABLES
from spotkiln.bake.precedence import settle
from spotkiln.bake.tree import Tree, worth_reading
from spotkiln.errors import InputError
from tests.unit.nouns import ROOT, app


def tree(files: dict[str, str]) -> Tree:
    return Tree(names=frozenset(files), texts={x: y for x, y in files.items() if worth_reading(x)})


def told(**files: str) -> Detected:
    return detect(tree(files))


def values(found: Detected) -> dict[str, Any]:
    return {one.key: one.value for one in found.findings}


def why(found: Detected, key: str) -> str:
    one = found.find(key)
    assert one
    return one.why


def needs(found: Detected) -> tuple[str, ...]:
    return tuple(map(str, found.needs))


def lock(*gems: str) -> str:
    """A Gemfile.lock as Bundler writes it."""
    specs = "".join(f"    {one}\n      concurrent-ruby (~> 1.0)\n" for one in gems)
    return f"GEM\n  remote: https://gems.example/\n  specs:\n{specs}\nPLATFORMS\n  ruby\n"


RAILS_6 = {
    "Gemfile": """\
source "https://gems.example"
ruby "2.7.8"
gem 'rails', '~> 6.1.7'
gem 'pg', '>= 0.18', '< 2.0'
gem 'puma', '~> 5.0'
gem 'webpacker', '~> 5.0'
group :development, :test do
  gem 'rspec-rails'
  gem 'rspec_junit_formatter'
end
""",
    "Gemfile.lock": lock(
        "activerecord (6.1.7.6)", "pg (1.5.4)", "puma (5.6.7)", "rails (6.1.7.6)",
        "rspec-rails (5.1.2)", "rspec_junit_formatter (0.6.0)", "sprockets-rails (3.4.2)",
    ),
    "config.ru": "run Rails.application",
    "config/puma.rb": "port ENV.fetch('PORT') { 3000 }",
    "config/routes.rb": "Rails.application.routes.draw do\n  root 'pages#home'\nend\n",
    "config/environments/production.rb": "config.public_file_server.enabled = "
    "ENV['RAILS_SERVE_STATIC_FILES'].present?\nif ENV['RAILS_LOG_TO_STDOUT'].present?\n",
    "package.json": '{"dependencies": {"@rails/webpacker": "5.4.0"}}',
    "yarn.lock": "",
}  # fmt: skip
RAILS_7 = {
    "Gemfile": 'gem "rails", "~> 7.0.8"\ngem "sprockets-rails"\ngem "puma", "~> 5.0"\n'
    'gem "sd_notify"\ngem "minitest-junit"\n',
    "Gemfile.lock": lock(
        "activerecord (7.0.8)", "minitest-junit (1.1.1)", "puma (5.6.7)", "rails (7.0.8)",
        "sd_notify (0.1.1)", "sprockets-rails (3.4.2)",
    ),
    "config/puma.rb": "",
    "config/routes.rb": 'Rails.application.routes.draw do\n  get "/healthz" => "x#y"\nend\n',
    ".ruby-version": "ruby-3.2.2\n",
}  # fmt: skip
RAILS_8 = {
    "Gemfile": 'source "https://gems.example"\ngem "rails", "~> 8.0.1"\ngem "propshaft"\n'
    'gem "sqlite3", ">= 2.1"\ngem "puma", ">= 5.0"\ngem "bootsnap", require: false\n',
    "Gemfile.lock": lock(
        "activerecord (8.0.1)", "minitest (5.25.4)", "propshaft (1.1.0)", "puma (6.5.0)",
        "rails (8.0.1)", "sqlite3 (2.5.0-x86_64-linux-gnu)",
    ),
    "config/puma.rb": "",
    "config/routes.rb": 'get "up" => "rails/health#show", as: :rails_health_check\n',
    ".ruby-version": "3.3.6\n",
}  # fmt: skip
SINATRA = {
    "Gemfile": "gem 'sinatra'\ngem 'puma'\ngem 'rspec'\ngem 'rspec_junit_formatter'\n",
    "Gemfile.lock": lock("puma (6.4.2)", "rspec (3.13.0)", "rspec_junit_formatter (0.6.0)",
                         "sinatra (4.0.0)"),
    "config.ru": "run Sinatra::Application",
}  # fmt: skip
MANAGE = "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')\n"
DJANGO = {
    "manage.py": MANAGE,
    "shop/settings.py": "STATIC_ROOT = BASE_DIR / 'static'\n",
    "shop/wsgi.py": "application = get_wsgi_application()\n",
    "shop/asgi.py": "application = get_asgi_application()\n",
}
DJANGO_UV = {
    **DJANGO,
    "pyproject.toml": """\
[project]
name = "shop"
requires-python = ">=3.12"
dependencies = ["Django>=5.1", "gunicorn", "psycopg[binary]"]
[dependency-groups]
dev = ["pytest>=8", "pytest-django"]
""",
    "uv.lock": "version = 1",
    ".python-version": "3.12\n",
}
DJANGO_PIP = {
    **DJANGO,
    "requirements.txt": "# all\n-r base.txt\nDjango==4.2.7  # LTS\ngunicorn==21.2.0\n"
    'psycopg2-binary; python_version >= "3.8"\n',
    "requirements-dev.txt": "pytest-django",
}
DJANGO_POETRY = {
    "manage.py": MANAGE.replace("shop", "config"),
    "config/settings/base.py": "",
    "config/settings/production.py": "",
    "config/asgi.py": "",
    "config/wsgi.py": "",
    "pyproject.toml": """\
[tool.poetry]
name = "shop"
[tool.poetry.dependencies]
python = "^3.11"
django = "^5.0"
uvicorn = {extras = ["standard"], version = "*"}
[tool.poetry.group.dev.dependencies]
unittest-xml-reporting = "*"
""",
    "poetry.lock": "",
}
FASTAPI = {
    "requirements.txt": "fastapi[standard]>=0.110\nalembic\npytest\n",
    "app/__init__.py": "",
    "app/main.py": "from fastapi import FastAPI\n\napp = FastAPI(title='x')\n",
    "alembic.ini": "",
}
FLASK = {
    "pyproject.toml": '[project]\nname = "shop"\ndependencies = ["flask", "gunicorn"]\n'
    "[build-system]\nrequires = []\n",
    "src/shop/__init__.py": "def create_app(config=None):\n    ...\n",
}
EXPRESS = {
    "package.json": """{
  "main": "server.js",
  "scripts": {"start": "node server.js", "test": "node --test test/"},
  "engines": {"node": ">=20"},
  "dependencies": {"express": "^4.19.2"}
}""",
    "package-lock.json": "{}",
    "server.js": "",
    ".nvmrc": "v20.11.1\n",
}
NEXT = {
    "package.json": """{
  "scripts": {"dev": "next dev", "build": "next build", "start": "next start", "test": "vitest"},
  "dependencies": {"next": "14.2.3", "react": "^18"},
  "devDependencies": {"vitest": "^1.6.0"}
}""",
    "pnpm-lock.yaml": "",
    ".tool-versions": "nodejs 20.12.2\npnpm 9.1.0\n",
}
GO = {
    "go.mod": "module example.com/shop\n\ngo 1.22.3\n\nrequire github.com/x/y v1.0.0\n",
    "cmd/server/main.go": "package main",
    "internal/x.go": "package internal",
}
LIMITS = {key for key in Description.model_fields if key.endswith("_seconds")}
ALL = {
    "Rails 6": RAILS_6, "Rails 7": RAILS_7, "Rails 8": RAILS_8, "Sinatra": SINATRA,
    "Django, uv": DJANGO_UV, "Django, pip": DJANGO_PIP, "Django, poetry": DJANGO_POETRY,
    "FastAPI": FASTAPI, "Flask": FLASK, "Express": EXPRESS, "Next": NEXT, "Go": GO,
}  # fmt: skip


def test_rails_6() -> None:
    found = told(**RAILS_6)
    assert (found.kind, values(found)) == (
        "Rails",
        {
            "dependencies": "bundle config set --local path vendor/bundle"
            " && bundle config set --local without development:test"
            " && bundle install --quiet",
            "lock": ("Gemfile", "Gemfile.lock"),
            "build": "bundle exec rails assets:precompile",
            "test_setup": "bundle config unset --local without && bundle install --quiet"
            " && bundle exec rails db:migrate",
            "test": "bundle exec rspec --format documentation"
            ' --format RspecJunitFormatter --out "$JUNIT"',
            "migrate": "bundle exec rails db:migrate",
            "start": "bundle exec puma -C config/puma.rb",
            "notify": False,
            "health_path": "/",
            "environment": {
                "RAILS_ENV": "production",
                "RAILS_SERVE_STATIC_FILES": "1",
                "RAILS_LOG_TO_STDOUT": "1",
            },
            "build_environment": {"RAILS_ENV": "production", "SECRET_KEY_BASE": UNUSED},
            "test_environment": {"RAILS_ENV": "test"},
            "writable": ("log", "storage", "tmp", "tmp/cache", "tmp/pids"),
        },
    )
    assert why(found, "start") == "Gemfile.lock has puma 5.6.7, and config/puma.rb"
    assert "sd_notify" in why(found, "notify")
    assert needs(found) == (
        "Node (Gemfile has webpacker)",
        "yarn (yarn.lock)",
        "Ruby 2.7.8 (Gemfile)",
    )


def test_rails_7() -> None:
    found = told(**RAILS_7)
    assert values(found)["notify"] is True
    assert why(found, "notify") == "Gemfile.lock has sd_notify 0.1.1: puma tells systemd"
    assert values(found)["health_path"] == "/healthz"
    assert values(found)["test"] == 'bundle exec rails test --junit --junit-filename="$JUNIT"'
    assert needs(found) == ("Ruby 3.2.2 (.ruby-version)",)


def test_rails_8() -> None:
    found = told(**RAILS_8)
    assert values(found)["notify"] is True
    assert values(found)["health_path"] == "/up"
    assert values(found)["dependencies"].endswith(" && bundle install --quiet")
    assert values(found)["build"] == "bundle exec rails assets:precompile"
    assert values(found)["build_environment"] == {
        "RAILS_ENV": "production",
        "SECRET_KEY_BASE_DUMMY": "1",
    }
    assert why(found, "build_environment") == (
        "Gemfile.lock has rails 8.0.1; SECRET_KEY_BASE_DUMMY stands in for the secret that Rails "
        "asks for in production"
    )
    assert found.missing == {"test": "no gem that writes a JUnit report: add minitest-junit"}
    with pytest.raises(InputError, match=r"\(Rails\) .*test: .*minitest-junit"):
        settle(app(), None, found)


def test_rails_without_a_database_and_without_assets() -> None:
    found = told(
        **{"Gemfile": 'gem "rails"', "Gemfile.lock": lock("puma (6.4.0)", "rails (7.1.0)")}
    )
    assert values(found)["migrate"] == ""
    assert "assets" not in values(found)["build"]
    assert values(found)["start"] == "bundle exec puma --bind tcp://0.0.0.0:$PORT"


@pytest.mark.parametrize(
    ("gemfile", "compiled"),
    [
        ('gem "rails", "~> 6.1.7"', True),
        ('gem "rails", "~> 7.2.2"', False),
        ('gem "rails", "~> 7.2.2"\ngem "propshaft"', True),
        ('gem "rails"', True),
    ],
)
def test_without_a_lock_rails_has_assets_that_it_brings_or_names(
    gemfile: str, *, compiled: bool
) -> None:
    """Since 7.0 it may be generated without, and then knows no assets:precompile."""
    build = values(told(Gemfile=gemfile))["build"]
    assert ("assets:precompile" in build) == compiled


def test_the_example_on_the_gems_of_its_base_image() -> None:
    """A Gemfile without a lock."""
    folder = ROOT / "examples" / "demo-web-app"
    names = [str(x.relative_to(folder)) for x in folder.rglob("*") if x.is_file()]
    texts = {x: (folder / x).read_text() if worth_reading(x) else "" for x in names}
    found = detect(tree(texts))
    assert (found.kind, values(found)) == (
        "Rails",
        {
            "build": "bundle config set --local without development:test"
            " && bundle install --local --quiet && bundle exec rails assets:precompile",
            "test_setup": "bundle config unset --local without && bundle install --local --quiet"
            " && bundle exec rails db:migrate",
            "test": "bundle exec rspec --format documentation"
            ' --format RspecJunitFormatter --out "$JUNIT"',
            "migrate": "bundle exec rails db:migrate",
            "migrate_on": "each",
            "start": "bundle exec puma -C config/puma.rb",
            "notify": True,
            "health_path": "/up",
            "environment": {"RAILS_ENV": "production"},
            "build_environment": {"RAILS_ENV": "production", "SECRET_KEY_BASE": UNUSED},
            "test_environment": {"RAILS_ENV": "test"},
            "writable": ("log", "storage", "tmp", "tmp/cache", "tmp/pids"),
            "migrate_writable": ("db",),
        },
    )


def test_sinatra() -> None:
    found = told(**SINATRA)
    assert (found.kind, values(found)["start"]) == (
        "Rack",
        "bundle exec puma --bind tcp://0.0.0.0:$PORT",
    )
    assert values(found)["environment"] == {"RACK_ENV": "production"}
    assert values(found)["build_environment"] == {"RACK_ENV": "production"}
    assert values(found)["migrate"] == ""


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


def test_a_build_of_node_has_nothing_of_the_environment_that_it_runs_with() -> None:
    """NODE_ENV=production would take the build's own packages away."""
    settled = settle(app(), None, told(**EXPRESS))
    assert settled.app.environment == {"NODE_ENV": "production"}
    assert settled.app.build_environment == {}


@pytest.mark.parametrize(
    ("command", "taken"),
    [
        ("gunicorn shop.wsgi", ".venv/bin/gunicorn shop.wsgi"),
        ("WORKERS=2 gunicorn shop.wsgi", "WORKERS=2 .venv/bin/gunicorn shop.wsgi"),
        ("yes | python manage.py migrate", "yes | .venv/bin/python manage.py migrate"),
        ("true && python3 x.py; flask x", "true && .venv/bin/python3 x.py; .venv/bin/flask x"),
        ("bin/start gunicorn", "bin/start gunicorn"),
        ("/usr/bin/python3 x.py", "/usr/bin/python3 x.py"),
        ("pythonic x", "pythonic x"),
    ],
)
def test_a_procfile_that_has_the_virtual_environment_on_its_path(command: str, taken: str) -> None:
    found = told(**{**DJANGO_PIP, "Procfile": f"release: {command}\n"})
    assert values(found)["migrate"] == taken
    assert values(told(**{**EXPRESS, "Procfile": f"release: {command}\n"}))["migrate"] == command


@pytest.mark.parametrize(
    ("command", "taken"),
    [
        ("puma -C config/puma.rb", "bundle exec puma -C config/puma.rb"),
        ("RAILS_MAX_THREADS=5 puma", "RAILS_MAX_THREADS=5 bundle exec puma"),
        ("rails db:migrate && rake seed", "bundle exec rails db:migrate && bundle exec rake seed"),
        ("yes | ruby x.rb", "yes | bundle exec ruby x.rb"),
        ("bundle exec puma", "bundle exec puma"),
        ("bin/rails db:migrate", "bin/rails db:migrate"),
        ("./puma", "./puma"),
        ("node puma.js", "node puma.js"),
        ("echo rails", "echo rails"),
    ],
)
def test_a_procfile_that_has_the_gems_programs_on_its_path(command: str, taken: str) -> None:
    for one in (RAILS_8, SINATRA):
        found = told(**{**one, "Procfile": f"release: {command}\n"})
        assert values(found)["migrate"] == taken


def test_a_gem_whose_program_is_called_as_it_is() -> None:
    files = {**RAILS_8, "Gemfile": RAILS_8["Gemfile"] + 'gem "karafka"\n'}
    found = told(**{**files, "Procfile": "release: karafka server; anycable x\n"})
    assert values(found)["migrate"] == "bundle exec karafka server; anycable x"


@pytest.mark.parametrize(
    ("command", "taken"),
    [
        ("next start -p $PORT", "node_modules/.bin/next start -p $PORT"),
        ("A=1 nest start", "A=1 node_modules/.bin/nest start"),
        ("npm run build && typeorm x", "npm run build && node_modules/.bin/typeorm x"),
        ("node server.js", "node server.js"),
        ("npx next start", "npx next start"),
        ("knex migrate:latest", "knex migrate:latest"),
    ],
)
def test_a_procfile_that_has_the_packages_programs_on_its_path(command: str, taken: str) -> None:
    package = {"dependencies": {"next": "1", "@nestjs/cli": "1", "typeorm": "1", "node": "22"}}
    files = {"package.json": json.dumps(package), "server.js": ""}
    found = told(**{**files, "Procfile": f"release: {command}\n"})
    assert values(found)["migrate"] == taken


@pytest.mark.parametrize(
    ("files", "command", "taken"),
    [
        ({"main.go": ""}, "shop -v", "bin/app -v"),
        ({"main.go": ""}, "bin/shop", "bin/app"),
        ({"cmd/till/main.go": ""}, "./bin/till", "bin/app"),
        ({"main.go": ""}, "migrate up", "migrate up"),
        ({"cmd/a/main.go": "", "cmd/b/main.go": ""}, "bin/a", "bin/a"),
    ],
)
def test_a_procfile_that_names_gos_program_as_go_does(
    files: dict[str, str], command: str, taken: str
) -> None:
    of_go = {"go.mod": "module example.com/our/shop/v2\n\ngo 1.24\n", **files}
    found = told(**{**of_go, "Procfile": f"web: {command}\n"})
    assert values(found)["start"] == taken


def test_fastapi() -> None:
    found = told(**FASTAPI)
    assert found.kind == "Python"
    assert values(found)["start"] == (
        ".venv/bin/python -m uvicorn --host 0.0.0.0 --port $PORT app.main:app"
    )
    assert values(found)["migrate"] == ".venv/bin/python -m alembic upgrade head"


def test_flask() -> None:
    found = told(**FLASK)
    assert values(found)["start"] == (
        ".venv/bin/python -m gunicorn --bind 0.0.0.0:$PORT 'shop:create_app()'"
    )


def test_express() -> None:
    found = told(**EXPRESS)
    assert (found.kind, values(found)) == (
        "Node",
        {
            "dependencies": "npm ci --include=dev",
            "lock": ("package-lock.json", "package.json", ".nvmrc"),
            "build": "npm prune --omit=dev",
            "test_setup": "npm ci --include=dev",
            "test": 'node --test --test-reporter=junit --test-reporter-destination="$JUNIT" test/',
            "migrate": "",
            "start": "node server.js",
            "notify": False,
            "health_path": "/",
            "environment": {"NODE_ENV": "production"},
            "test_environment": {"NODE_ENV": "test"},
        },
    )
    assert needs(found) == ("Node >=20 (package.json's engines)", "Node 20.11.1 (.nvmrc)")


def test_next() -> None:
    found = told(**NEXT)
    assert values(found)["dependencies"] == "pnpm install --frozen-lockfile --prod=false"
    assert values(found)["build"] == "pnpm run build && CI=true pnpm prune --prod"
    assert values(found)["start"] == "node_modules/.bin/next start"
    assert values(found)["writable"] == (".next/cache",)
    assert values(found)["test"].startswith("node_modules/.bin/vitest run")
    assert needs(found) == ("pnpm (pnpm-lock.yaml)", "Node 20.12.2 (.tool-versions)")


@pytest.mark.parametrize(
    ("script", "start"),
    [
        ("NODE_OPTIONS=--no-warnings node .", "NODE_OPTIONS=--no-warnings node ."),
        ("A=1 B=2 nest start -p $PORT", "A=1 B=2 node_modules/.bin/nest start -p $PORT"),
        ("A='1 2' node .", "npm run start"),
        ("A=1 bash bin/start", "npm run start"),
        ("npm run migrate && node .", "npm run start"),
        ("./serve.sh", "./serve.sh"),
        ("nest start", "node_modules/.bin/nest start"),
        ("npm-run-all serve", "node_modules/.bin/npm-run-all serve"),
        ("npx serve", "npx serve"),
        ("bash bin/start", "npm run start"),
        ("/usr/bin/node .", "/usr/bin/node ."),
    ],
)
def test_a_script_that_starts(script: str, start: str) -> None:
    found = told(**{"package.json": f'{{"scripts": {{"start": "{script}"}}}}'})
    assert values(found)["start"] == start


@pytest.mark.parametrize("script", ["nodemon app.js", "cross-env A=1 node .", "A=1 nodemon app.js"])
def test_a_script_that_starts_what_the_image_will_not_have(script: str) -> None:
    packages = '{"nodemon": "3", "cross-env": "7"}'
    package = f'{{"scripts": {{"start": "{script}"}}, "devDependencies": {packages}}}'
    found = told(**{"package.json": package, "app.js": ""})
    assert "devDependencies" in found.missing["start"]


def test_yarn_since_2() -> None:
    """Its older options are errors there, and by default it keeps packages where no image does."""
    files = {"package.json": '{"scripts": {"start": "node ."}}', "yarn.lock": "__metadata:"}
    found = told(**{**files, ".yarnrc.yml": "nodeLinker: node-modules\n"})
    assert [values(found)[x] for x in ("dependencies", "test_setup", "build")] == [
        "yarn install --immutable", "yarn install --immutable", "",
    ]  # fmt: skip
    assert "nodeLinker: node-modules" in told(**{**files, ".yarnrc.yml": ""}).missing["build"]


@pytest.mark.parametrize(
    ("packages", "told_of"),
    [
        ('{"jest": "1"}', "jest and no jest-junit"),
        ('{"tap": "1"}', "no test runner is known"),
    ],
)
def test_node_without_a_report(packages: str, told_of: str) -> None:
    found = told(**{"package.json": f'{{"devDependencies": {packages}}}'})
    assert told_of in found.missing["test"]
    assert "start" in found.missing


def test_go() -> None:
    found = told(**GO)
    assert values(found)["build"] == "go build -o bin/app ./cmd/server"
    assert values(found)["start"] == "bin/app"
    assert values(found)["test"] == 'gotestsum --junitfile="$JUNIT" ./...'
    assert needs(found) == ("gotestsum (for the tests' JUnit report)", "Go 1.22.3 (go.mod)")
    several = told(**{**GO, "cmd/worker/main.go": ""})
    assert "2 programs below cmd/" in several.missing["start"]


@pytest.mark.parametrize(
    ("line", "runner"),
    [
        ("tool gotest.tools/gotestsum\n", "go tool gotestsum"),
        ("tool (\n\tgotest.tools/gotestsum\n)\n", "go tool gotestsum"),
        ("require gotest.tools/gotestsum v1.12.0\n", "go run gotest.tools/gotestsum"),
        ("require (\n\tgotest.tools/gotestsum v1.12.0\n)\n", "go run gotest.tools/gotestsum"),
    ],
)
def test_a_reporter_of_gos_own(line: str, runner: str) -> None:
    found = told(**{**GO, "go.mod": f"module x\n\ngo 1.24\n\n{line}"})
    assert values(found)["test"] == f'{runner} --junitfile="$JUNIT" ./...'
    assert needs(found) == ("Go 1.24 (go.mod)",)


def test_a_procfile_counts_before_what_the_kind_suggests() -> None:
    procfile = "web: bundle exec puma -t 5:5\nrelease: rails db:prepare\nworker: sidekiq\n"
    found = told(**{**RAILS_8, "Procfile": procfile})
    assert (found.find("start"), found.find("migrate")) == (
        found.findings[0],
        found.findings[1],
    )
    assert values(found)["start"] == "bundle exec puma -t 5:5"
    assert values(found)["migrate"] == "bundle exec rails db:prepare"
    two = told(**{**RAILS_8, "Procfile": "web: rails db:migrate && puma\n"})
    assert values(two)["start"] == "bundle exec puma -C config/puma.rb"


def test_a_procfile_alone() -> None:
    found = told(Procfile="web: ./serve && true\n")
    assert "no single command" in found.missing["start"]
    with pytest.raises(InputError, match=r"build: .*test: .*start: .*single command"):
        settle(app(), None, found)


@pytest.mark.parametrize("name", ALL)
def test_what_is_proposed_may_stand_in_the_file(name: str) -> None:
    """And whatever is not proposed is either asked for or has the same default for all kinds."""
    found = told(**ALL[name])
    Description(**values(found))
    assert all(one.why for one in found.findings)
    left = Description.model_fields.keys() - values(found).keys() - found.missing.keys()
    same = {"port", "health_port", "user", "config", "depends_on", "hardening", "mounts", *LIMITS}
    same |= {"test_services", "memory_mb", "timers"}
    own = {*VARIABLES, "writable", "migrate_writable", "migrate_on", "smoke", "processes"}
    own |= {"dependencies", "lock"}
    assert left - own == same


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"README.md": ""},
        {"Gemfile": 'gem "jekyll"'},
        {"requirements.txt": "numpy\n"},
        {"pyproject.toml": '[project]\nname = "x"\ndependencies = ["click"]\n'},
    ],
)
def test_what_is_no_web_application_that_is_known(files: dict[str, str]) -> None:
    assert told(**files) == Detected()


@pytest.mark.parametrize(
    "files",
    [
        {"package.json": "{"},
        {"package.json": "[]"},
        {"package.json": '{"scripts": [], "engines": 1, "main": {}}'},
        {"pyproject.toml": "[", "manage.py": ""},
        {"pyproject.toml": "[project]\ndependencies = 1\n[tool]\npoetry = 1\n", "manage.py": ""},
        {"go.mod": ""},
        {"Gemfile": "\0", "config.ru": ""},
        {"Gemfile.lock": "", "Gemfile": 'gem "rails"'},
        {"package.json": '{"scripts": {"start": "node a.js\\u0000"}}'},
        {"package.json": '{"scripts": {"start": "   "}}'},
        {"Procfile": "web:\nrelease: a\0b\n"},
        {".tool-versions": "ruby\n\n#", ".nvmrc": ""},
    ],
)
def test_what_cannot_be_read_proposes_nothing_wrong(files: dict[str, str]) -> None:
    found = told(**files)
    Description(**values(found))


def test_files_that_are_read_are_few() -> None:
    assert worth_reading("package.json")
    assert worth_reading("shop/settings/base.py")
    assert not worth_reading("node_modules/x/package.json")
    assert not worth_reading("a/b/c/d/main.py")


# Where it writes.


@pytest.mark.parametrize(
    ("files", "folders"),
    [
        ({"manage.py": "import django", "shop/settings.py": ""}, ("media",)),
        ({"go.mod": "module shop", "main.go": "", "log/.keep": ""}, ("log",)),
        ({"package.json": "{}", "server.js": "", "uploads/.gitkeep": "", "lib/tmp/a.js": ""},
         ("uploads",)),
        ({"package.json": "{}", "server.js": "", "public/uploads/.gitkeep": "", "tmp": ""},
         ("public/uploads",)),
    ],
)  # fmt: skip
def test_the_folders_it_writes_to(files: dict[str, str], folders: tuple[str, ...]) -> None:
    assert values(detect(tree(files)))["writable"] == folders


RAILS_WRITES = ("log", "storage", "tmp", "tmp/cache", "tmp/pids")
SQLITE_6 = """\
default: &default
  adapter: sqlite3

production:
  <<: *default
  database: db/production.sqlite3
"""
SQLITE_8 = """\
default: &default
  adapter: sqlite3
production:
  cache:
    database: storage/production_cache.sqlite3
"""
BY_VARIABLE = """\
production:
  adapter: sqlite3
  database: <%= ENV.fetch('STATE_DIRECTORY') %>/x.sqlite3
"""
SERVER = "default:\n  adapter: postgresql\n  database: shop/x\n"
DATABASES = {
    "sqlite, Rails 6": (SQLITE_6, ("db", *RAILS_WRITES), None),
    "sqlite, Rails 8": (SQLITE_8, RAILS_WRITES, ("db",)),
    "sqlite, by variable": (BY_VARIABLE, RAILS_WRITES, ("db",)),
    "a server": (SERVER, RAILS_WRITES, ("db",)),
}


@pytest.mark.parametrize("name", DATABASES)
def test_rails_writes_where_it_was_generated_to(name: str) -> None:
    """The pid file, logs, uploads, SQLite; and its migration writes the schema."""
    text, writable, by_migration = DATABASES[name]
    files = {**RAILS_6, "config/database.yml": text, "db/schema.rb": "", "db/seeds.rb": ""}
    found = detect(tree(files))
    assert values(found)["writable"] == writable
    assert values(found).get("migrate_writable") == by_migration
    if name.startswith("sqlite, Rails"):
        assert f"config/database.yml has SQLite in {'db' if '6' in name else 'storage'}" in why(
            found, "writable"
        )


@pytest.mark.parametrize(
    ("routes", "smoke"),
    [
        ("root 'pages#home'\n", None),
        ("  get '/' => 'pages#home'\n", None),
        ("  resources :products\n", ()),
        ("# root 'pages#home'\n", ()),
        ("", None),
    ],
)
def test_rails_is_asked_for_its_root_if_it_has_one(
    routes: str, smoke: tuple[str, ...] | None
) -> None:
    """Else it answers with 500 in its tests' environment, up to 7.0."""
    found = told(**{**RAILS_6, "config/routes.rb": routes})
    assert values(found).get("smoke") == smoke


def test_rails_without_a_database_has_no_schema_to_write() -> None:
    assert "migrate_writable" not in values(detect(tree(RAILS_8)))


@pytest.mark.parametrize(
    ("settings", "folders", "told"),
    [
        ("MEDIA_ROOT = BASE_DIR / 'files' / 'up'\n", ("files/up",), "MEDIA_ROOT"),
        ('MEDIA_ROOT: Path = os.path.join(BASE_DIR, "files")\n', ("files",), "MEDIA_ROOT"),
        ("MEDIA_ROOT = '/var/lib/shop/media'\n", None, ""),
        ("X = {'NAME': BASE_DIR / 'data' / 'db.sqlite3'}\n", ("data", "media"), "SQLite in data"),
        ("X = {\n 'NAME': BASE_DIR / 'data/db.sqlite3',\n}\n", ("data", "media"), "SQLite in data"),
        ("X = {'NAME': os.path.join(BASE_DIR, 'db.sqlite3')}\n", ("media",), "(db.sqlite3), which"),
        ("X = {'NAME': 'shop'}\n", ("media",), "Django"),
    ],
)
def test_django_writes_where_its_settings_say(
    settings: str, folders: tuple[str, ...] | None, told: str
) -> None:
    found = detect(tree({"manage.py": "import django", "shop/settings.py": settings}))
    assert values(found).get("writable") == folders
    assert not folders or told in why(found, "writable")
