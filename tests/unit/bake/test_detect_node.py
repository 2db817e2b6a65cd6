"""What is detected of Node applications that are built by another program than Node."""

import json
from typing import Any

import pytest

from spotkiln.bake.detect.detected import Detected
from spotkiln.bake.processes import Process
from spotkiln.show.checked import hints
from tests.unit.bake.trees import told, values, why
from tests.unit.nouns import settled


def package(files: dict[str, str] | None = None, **keys: Any) -> Detected:
    return told(**{"package.json": json.dumps(keys), "package-lock.json": "{}", **(files or {})})


@pytest.mark.parametrize("script", ["start:prod", "start:production", "prod"])
def test_the_script_for_production_is_started(script: str) -> None:
    """As Nest generates it: `start` compiles, by a package that the image does not have."""
    found = package(
        scripts={**({} if script == "prod" else {"start": "nest start"}), script: "node dist/main"},
        devDependencies={"@nestjs/cli": "10"},
    )
    assert values(found)["start"] == "node dist/main"
    assert why(found, "start") == f"package.json has the script {script}"


@pytest.mark.parametrize(
    ("program", "by"),
    [("nest", "@nestjs/cli"), ("tsc", "typescript"), ("babel-node", "@babel/node")],
)  # fmt: skip
def test_a_program_that_only_a_development_package_has_is_refused(program: str, by: str) -> None:
    scripts = {"start": f"{program} start"}
    refused = package(scripts=scripts, devDependencies={by: "1"}).missing["start"]
    assert f"runs {program}" in refused
    assert "start" not in package(scripts=scripts, dependencies={by: "1"}).missing


PRISMA = {"prisma/schema.prisma": "", "prisma/migrations/1_a/migration.sql": ""}


def test_prisma_migrates() -> None:
    found = package(PRISMA, dependencies={"prisma": "5"}, main="a.js")
    assert values(found)["migrate"] == "node_modules/.bin/prisma migrate deploy"
    pruned = package(PRISMA, devDependencies={"prisma": "5"}, main="a.js")
    assert values(pruned)["migrate"] == ""
    assert "devDependencies" in why(pruned, "migrate")
    assert [one for one in pruned.warned if one.startswith("migrate: ")]
    assert not found.warned


def test_a_script_that_may_migrate_is_told_of() -> None:
    found = package(scripts={"db:migrate": "knex migrate:latest"})
    assert values(found)["migrate"] == ""
    (one,) = found.warned
    assert one == (
        "migrate: package.json has the script db:migrate, and a release does not run it: "
        "`migrate: npm run db:migrate`, if it needs no development package"
    )
    assert one in hints(settled(migrate=""), warned=found.warned)
    assert one not in hints(settled(migrate="npm run db:migrate"), warned=found.warned)


@pytest.mark.parametrize("version", ["workspace:*", "catalog:"])
def test_a_package_of_a_workspace_is_not_installed_by_itself(version: str) -> None:
    """npm does not know such a version, and the lock file is at the repository's top."""
    found = told(**{"package.json": json.dumps({"dependencies": {"@a/ui": version}})})
    assert "build" not in values(found)
    assert "test_setup" not in values(found)
    assert "depends_on" in found.missing["build"]


def test_go_names_the_programs_that_there_are() -> None:
    found = told(**{"go.mod": "module a\n", "cmd/api/main.go": "", "cmd/seed/main.go": ""})
    assert "2 programs below cmd/ (api, seed)" in found.missing["build"]
    assert "`go build -o bin/app ./cmd/api`" in found.missing["build"]
    assert "`bin/app`" in found.missing["start"]
    told_of = told(**{"go.mod": "", "cmd/migrate/main.go": "", "cmd/server/main.go": ""}).missing
    assert "`go build -o bin/app ./cmd/server`" in told_of["build"]


@pytest.mark.parametrize(
    ("start", "hinted"),
    [
        ("npm run start", True),
        ("A=1 pnpm --filter web run prod", True),
        ("yarn start", True),
        ("npx serve", True),
        ("node server.js", False),
        ("env --chdir=npm node server.js", False),
        ("node_modules/.bin/npm-run-all x", False),
    ],
)
def test_what_stands_between_systemd_and_the_program_is_told_of(
    start: str, *, hinted: bool
) -> None:
    """npm and its like end at SIGTERM, and the program that answers is killed."""
    assert any("SIGTERM" in one for one in hints(settled(start=start))) == hinted
    worker = {"worker": Process(start=start)}
    assert (
        any(
            one.startswith("processes.worker.start: ") and "SIGTERM" in one
            for one in hints(settled(processes=worker))
        )
        == hinted
    )


def test_scripts_that_build_and_are_not_called_so_are_told_of() -> None:
    found = package(
        scripts={"build:ui": "vite build", "client-build": "x", "rebuild": "y"}, main="a.js"
    )
    (one,) = found.warned
    assert one.startswith("build: package.json has build:ui, client-build and no script build")
    assert one in hints(settled(build="npm ci"), warned=found.warned)
    assert one not in hints(settled(build="npm ci && npm run build:ui"), warned=found.warned)
    assert not package(scripts={"build": "x", "build:ui": "vite build"}, main="a.js").warned
