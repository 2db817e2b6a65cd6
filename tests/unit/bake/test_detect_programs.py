"""Programs that a Procfile names, and where the image has them."""

import json

import pytest

from tests.unit.bake.trees import (
    DJANGO_PIP,
    EXPRESS,
    RAILS_8,
    SINATRA,
    told,
    values,
)


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
