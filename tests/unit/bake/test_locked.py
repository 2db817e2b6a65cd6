"""Which files an install command needs, and when nobody can tell."""

import json
from typing import Any

import pytest

from spotkiln.bake.detect.detect import detect
from spotkiln.bake.detect.detected import Detected
from spotkiln.bake.tree import Tree, worth_reading

START = '"scripts": {"start": "node ."}'


def told(**files: str) -> Detected:
    texts = {name: text for name, text in files.items() if worth_reading(name)}
    return detect(Tree(names=frozenset(files), texts=texts))


def lock(found: Detected) -> Any:
    one = found.find("lock")
    return one.value if one else None


def node(**package: Any) -> dict[str, str]:
    return {"package.json": json.dumps(package), "package-lock.json": "{}", "server.js": ""}


def test_what_npm_reads_beside_its_lock_file() -> None:
    files = {".npmrc": "", ".nvmrc": "20", "patches/x.patch": "", "prisma/schema.prisma": ""}
    found = told(**node(), **files, **{"src/index.js": "", "prisma/migrations/1/migration.sql": ""})
    assert lock(found) == (
        "package-lock.json", "package.json", ".npmrc", ".nvmrc", "patches", "prisma/schema.prisma",
    )  # fmt: skip


@pytest.mark.parametrize("hook", ["preinstall", "postinstall", "prepare"])
def test_a_script_that_npm_runs_may_need_any_file(hook: str) -> None:
    found = told(**node(scripts={hook: "node scripts/make.js"}))
    assert lock(found) is None
    assert found.no_layer.startswith(f"package.json has the script {hook}, which may need any file")
    assert found.find("dependencies")


@pytest.mark.parametrize(
    "command", ["husky", "husky install || true", "patch-package && prisma generate"]
)
def test_scripts_whose_files_are_known(command: str) -> None:
    assert lock(told(**node(scripts={"postinstall": command})))


def test_a_script_behind_a_known_one() -> None:
    assert lock(told(**node(scripts={"postinstall": "husky && node make.js"}))) is None


@pytest.mark.parametrize("version", ["file:../shared", "link:./shared", "./shared"])
def test_a_package_of_a_folder(version: str) -> None:
    found = told(**node(devDependencies={"shared": version}))
    assert lock(found) is None
    assert f"package.json has shared from {version}" in found.no_layer


def test_each_package_of_a_workspace_counts() -> None:
    files = {**node(workspaces=["packages/*"]), "packages/a/package.json": "{}"}
    more = {"packages/a/index.js": "", "packages/a/node_modules/x/package.json": "{}"}
    assert lock(told(**files, **more)) == (
        "package-lock.json", "package.json", "packages/a/package.json",
    )  # fmt: skip
    hook = json.dumps({"scripts": {"prepare": "tsc"}})
    found = told(**{**files, "packages/a/package.json": hook})
    assert "packages/a/package.json has the script prepare" in found.no_layer
    deep = told(**files, **{"packages/a/b/c/d/package.json": "{}"})
    assert "packages/a/b/c/d/package.json is not looked into" in deep.no_layer


def test_without_a_lock_file_all_is_installed_by_the_build() -> None:
    found = told(**{"package.json": f"{{{START}}}"})
    assert (found.find("dependencies"), lock(found)) == (None, None)
    assert "no lock file" in found.no_layer


RAILS = {"config.ru": "", "config/routes.rb": ""}
GEMS = 'gem "rails"\ngem "puma"\n'
LOCKED = "GEM\n  remote: https://gems.example/\n  specs:\n    rails (8.0.1)\n"


def test_what_bundler_reads() -> None:
    files = {".ruby-version": "3.3", "vendor/cache/rails.gem": "", ".bundle/config": ""}
    engine = "PATH\n  remote: engines/shop\n  specs:\n    shop (1.0)\n\n"
    found = told(
        **RAILS, **files, Gemfile='ruby file: ".ruby-version"\n' + GEMS,
        **{"Gemfile.lock": engine + LOCKED, "engines/shop/shop.gemspec": "", "engines/x/y": ""},
    )  # fmt: skip
    assert lock(found) == (
        "Gemfile", "Gemfile.lock", "engines/shop", ".ruby-version", ".bundle", "vendor/cache",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("line", "by"),
    [
        ("gemspec", "gemspec"),
        ('eval_gemfile "more.rb"', "eval_gemfile"),
        ('Dir["plugins/*/Gemfile"].each { |one| eval_gemfile one }', "Dir"),
        ('ruby File.read("version.txt")', "File"),
    ],
)
def test_a_gemfile_that_may_read_others(line: str, by: str) -> None:
    found = told(**RAILS, **{"Gemfile": f"{GEMS}{line}\n", "Gemfile.lock": LOCKED})
    assert lock(found) is None
    assert f"Gemfile may read other files, by {by}" in found.no_layer


def test_a_gemfile_that_reads_a_version_alone() -> None:
    text = f'ruby File.read(".ruby-version")\n# gemspec\n{GEMS}'
    assert lock(told(**RAILS, **{"Gemfile": text, "Gemfile.lock": LOCKED}))


def test_gems_of_the_application_itself() -> None:
    own = "PATH\n  remote: .\n  specs:\n    shop (1.0)\n\n"
    found = told(**RAILS, **{"Gemfile": GEMS, "Gemfile.lock": own + LOCKED})
    assert "Gemfile.lock has a gem in the folder ." in found.no_layer


DJANGO = {"manage.py": "", "shop/wsgi.py": ""}


def test_requirements_and_what_they_take_in() -> None:
    files = {
        "requirements.txt": "-r requirements/base.txt\n-c constraints.txt\ngunicorn\n",
        "requirements/base.txt": "django\n--requirement more.txt\n",
        "requirements/more.txt": "psycopg\n",
        "constraints.txt": "django==5.1\n",
        ".python-version": "3.13",
    }
    assert lock(told(**DJANGO, **files)) == (
        "requirements.txt", "requirements/base.txt", "constraints.txt", "requirements/more.txt",
        ".python-version",
    )  # fmt: skip


@pytest.mark.parametrize("line", ["-e .", "./shared", "shared @ file:///srv/shared", "."])
def test_requirements_of_the_repository_itself(line: str) -> None:
    found = told(**DJANGO, **{"requirements.txt": f"django\n{line}\n"})
    assert lock(found) is None
    assert "a package of this repository" in found.no_layer


def test_an_application_that_uv_installs_comes_after_its_dependencies() -> None:
    project = '[project]\nname = "shop"\ndependencies = ["django"]\n[build-system]\n'
    own = 'name = "shop"\nsource = { editable = "." }\n'
    found = told(**DJANGO, **{"pyproject.toml": project, "uv.lock": own})
    values = {one.key: one.value for one in found.findings}
    assert values["dependencies"].endswith("uv sync --frozen --no-dev --no-install-project")
    assert values["build"].endswith("uv sync --frozen --no-dev")
    assert values["lock"] == ("pyproject.toml", "uv.lock")
    other = told(
        **DJANGO, **{"pyproject.toml": project, "uv.lock": own.replace('"."', '"../shared"')}
    )
    assert "uv.lock has a package in the folder ../shared" in other.no_layer


def test_an_application_that_poetry_installs_comes_after_its_dependencies() -> None:
    project = '[tool.poetry.dependencies]\ndjango = "5"\n[build-system]\n'
    found = told(**DJANGO, **{"pyproject.toml": project, "poetry.lock": 'name = "django"\n'})
    values = {one.key: one.value for one in found.findings}
    assert values["dependencies"].endswith("--only main --no-root")
    assert values["build"].endswith("--only main")
    local = told(**DJANGO, **{"pyproject.toml": project, "poetry.lock": 'type = "directory"\n'})
    assert "poetry.lock has a package of this repository" in local.no_layer
