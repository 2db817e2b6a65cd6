"""What is detected of applications as people have them."""

import pytest

from spotkiln.bake.description import Description
from spotkiln.bake.detect.detect import detect
from spotkiln.bake.detect.detected import UNUSED, Detected
from spotkiln.bake.keys import VARIABLES
from spotkiln.bake.precedence import settle
from spotkiln.bake.tree import worth_reading
from spotkiln.errors import InputError
from tests.unit.bake.trees import (
    ALL,
    EXPRESS,
    FASTAPI,
    FLASK,
    GO,
    LIMITS,
    NEXT,
    RAILS_6,
    RAILS_7,
    RAILS_8,
    SINATRA,
    lock,
    needs,
    told,
    tree,
    values,
    why,
)
from tests.unit.nouns import ROOT, app


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


def test_a_build_of_node_has_nothing_of_the_environment_that_it_runs_with() -> None:
    """NODE_ENV=production would take the build's own packages away."""
    settled = settle(app(), None, told(**EXPRESS))
    assert settled.app.environment == {"NODE_ENV": "production"}
    assert settled.app.build_environment == {}


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
