"""Whole releases with secrets of the build, of the servers and of the tests: their values come to
be in no place that outlives them or that others can see.

With simulated machines and the stand-in for Packer; and with real machines and real Packer, where a
build says and misuses what it is given.
"""

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.leaks import Leak, Search, Watch
from tests.release.looking import why_not
from tests.reliability.test_real_machines import docker_answers
from tests.reliability.truth import client
from tests.reliability.world import World

REAL = [
    pytest.mark.docker,
    pytest.mark.real,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not docker_answers(), reason="no Docker or no Packer: no real machines"),
]
pytestmark = [pytest.mark.sandbox, pytest.mark.prefect]

# Each name tells where the value is kept, and for whom.
NAMES = (
    "BUILD_SSM",
    "BUILD_SECRET",
    "BUILD_ENV",
    "PRODUCTION_SSM",
    "PRODUCTION_SECRET",
    "TEST_SSM",
)
VALUES = {name: f"{name.lower()}'\"-{secrets.token_hex(12)}/=" for name in NAMES}
SEARCH = Search(VALUES)


def store(world: World) -> None:
    """Put the values where a company has them."""
    ssm, manager = client(world.box, "ssm"), client(world.box, "secretsmanager")
    for path, name in (
        ("/leaks/build/token", "BUILD_SSM"),
        ("/leaks/production/PRODUCTION_SSM", "PRODUCTION_SSM"),
        ("/leaks/test/TEST_SSM", "TEST_SSM"),
    ):
        ssm.put_parameter(Name=path, Value=VALUES[name], Type="SecureString")
    for secret, name in (
        ("leaks/build", "BUILD_SECRET"),
        ("leaks/production", "PRODUCTION_SECRET"),
    ):
        manager.create_secret(Name=secret, SecretString=VALUES[name])


@pytest.fixture(
    scope="module", params=["simulated", pytest.param("docker", marks=REAL)], ids=lambda x: str(x)
)
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    home: Path = tmp_path_factory.mktemp(f"secrets-{request.param}")
    reads = {"ParameterPath": "/leaks/production", "SecretPath": "leaks/production"}
    groups = [{"name": "website", "interval": 5, "deregistration_delay": 3, "stack": reads}]
    own = {"LEAKS_BUILD_ENV": VALUES["BUILD_ENV"], "PREFECT_LOGGING_TO_API_ENABLED": "true"}
    with World(
        home, machines=request.param, account={"target_groups": groups}, environment=own
    ) as world:
        store(world)
        yield world


def asked(world: World, **app: Any) -> dict[str, Any]:
    given = world.parameters(
        "v1",
        build={
            "secrets": {
                "BUILD_SSM": "ssm:/leaks/build/token",
                "BUILD_SECRET": "secret:leaks/build",
                "BUILD_ENV": "env:LEAKS_BUILD_ENV",
            }
        },
        configuration={"parameters": ["/leaks/production/"], "secrets": ["leaks/production"]},
        test_configuration={"parameters": ["/leaks/test/"]},
        infra={"test_instance_profile": "image-test"},
        # Real machines take their time.
        gate={"polls": 1} if real(world) else {"polls": 1, "boot_seconds": 20},
    )
    given["app"] |= app
    return given


def play(world: World, search: Search = SEARCH, **app: Any) -> tuple[dict[str, Any], Watch]:
    """A release, watched from its beginning to its end."""
    with Watch(search, [world.home / "spotkiln" / "runs"]) as watch:
        result = world.zygote.start("release", asked(world, **app)).result(600)
    return result, watch


def left(world: World) -> list[Leak]:
    """All that can be looked at after a release, the flow's own output too."""
    found = SEARCH.in_account(lambda service: client(world.box, service))
    found += SEARCH.in_database(world.prefect.database)
    for folder in ("spotkiln", "runs", "repository"):
        found += SEARCH.in_folder(world.home / folder)
    return found


BUILD = r"""
bundle config set --local without development:test && bundle install --local --quiet
bundle exec rails assets:precompile
test -n "$BUILD_SECRET"
echo "it says $BUILD_SSM and $BUILD_SECRET and $BUILD_ENV"
env >&2
"""
# Each says all that it was given.
TALKATIVE: dict[str, Any] = {
    "build": BUILD,
    "migrate": "env && bundle exec rails db:migrate",
    "test": "env && bundle exec rspec --format RspecJunitFormatter --out $JUNIT",
}


def test_a_release_shows_and_leaves_none(world: World) -> None:
    result, watch = play(world, **TALKATIVE)
    assert result.get("outcome") == "released", result
    assert watch.seen == set()
    # It has seen what Packer was given.
    assert "variables.pkrvars.json" in watch.files
    assert watch.looks > 10
    assert left(world) == []
    # And what of it was told is there: the search looks into the right places.
    names = Search({"PATH": "/leaks/production/"})
    found = {
        one.where.partition(" of i-")[0] for one in names.in_account(lambda x: client(world.box, x))
    }
    assert found >= {"AWS: launch templates", "AWS: user data"}
    told = {one.where for one in names.in_database(world.prefect.database)}
    assert "Prefect: table flow_run" in told
    if real(world):
        hidden = Search({"BUILD": "it says [secret] and", "TEST": "TEST_SSM=[TEST_SSM]"})
        said = hidden.in_database(world.prefect.database)
        assert {one.secret for one in said} == {"BUILD", "TEST"}


def real(world: World) -> bool:
    return bool(world.box.description["machines"] == "docker")


def test_the_image_has_none(world: World) -> None:
    if not real(world):
        pytest.skip("simulated machines have no files")
    image = world.account.look().image
    assert SEARCH.in_docker_image(f"spotkiln-sandbox-{world.box.description['name']}:{image}") == []


def test_a_build_that_fails_with_them_tells_none(world: World) -> None:
    if not real(world):
        pytest.skip("the stand-in runs no build")
    result, watch = play(world, build='echo "no login with $BUILD_SSM" >&2; exit 3')
    assert "no login with [secret]" in result["error"] or "no login" in str(result), result
    assert watch.seen == set()
    assert left(world) == []


def test_one_in_a_wrong_place_is_found(world: World) -> None:
    """The search is able to: `build_environment` is no place for a secret, as its words say."""
    value = f"in-the-wrong-place-{secrets.token_hex(12)}"
    search = Search({"WRONG": value})
    whole = {"RAILS_ENV": "production", "SECRET_KEY_BASE": "unused", "WRONG": value}
    result, watch = play(world, search, build_environment=whole)
    assert result.get("outcome") == "released", result
    seen = {one.where.rpartition("/")[2] for one in watch.seen}
    assert "variables.pkrvars.json" in seen
    assert Leak("Prefect: table flow_run", "WRONG") in search.in_database(world.prefect.database)
    if real(world):
        # As Packer hands it to the script on the builder.
        assert {"sudo", "command line of sudo"} & seen


@pytest.mark.parametrize(
    ("secret", "words"),
    [
        ("ssm:/leaks/build/none", ["BUILD_SSM", "ssm:/leaks/build/none", "did not find it"]),
        ("env:LEAKS_NONE", ["BUILD_SSM", "env:LEAKS_NONE", "got none"]),
    ],
)
def test_a_missing_one_costs_nothing(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secret: str, words: list[str]
) -> None:
    monkeypatch.setenv("LEAKS_BUILD_ENV", VALUES["BUILD_ENV"])
    given = asked(world)
    given["build"]["secrets"]["BUILD_SSM"] = secret
    error = why_not(world, tmp_path, given)
    for word in words:
        assert word in error
