"""What people ask for, and how a mistake is answered."""

import re
from typing import Any

import pytest
from pydantic import ValidationError

from spotkiln.bake.app import AppSpec
from spotkiln.bake.builder import BuildSettings
from spotkiln.bake.description import Description
from spotkiln.bake.keys import FILE_ALONE
from spotkiln.release.release import ReleaseSpec
from tests.unit.nouns import app


def test_only_the_repository_must_be_given() -> None:
    demo = AppSpec(repository="/srv/git/demo")
    assert (demo.name, demo.ref, demo.folder) == ("demo-web-app", "main", "")
    # All the rest is left open, and stays so wherever it is written down.
    assert demo.model_dump().keys() == {"name", "repository", "ref", "folder"}
    assert AppSpec.model_validate_json(demo.model_dump_json()) == demo


def told(field: str) -> dict[str, Any]:
    """What the schema knows of a field."""
    properties: dict[str, dict[str, Any]] = AppSpec.model_json_schema()["properties"]
    return properties[field]


def test_a_deployments_schema_has_nothing_that_is_the_applications_own_affair() -> None:
    shown = AppSpec.model_json_schema()["properties"].keys()
    assert shown == AppSpec.model_fields.keys() - FILE_ALONE
    assert {*FILE_ALONE} <= Description.model_fields.keys()


@pytest.mark.parametrize(
    "repository",
    [
        "https://git.example/team/app.git",
        "ssh://git@git.example/team/app.git",
        "git@git.example:team/app.git",
        "file:///srv/git/demo",
        "../demo",
        "/srv/my repos/a@b.git",
        "ssh://git@git.example:2222/team/a@b.git",
        "ssh://git@[::1]:22/app.git",
        "https://git.example:8443/~ann/app.git",
        "codecommit::eu-west-1://profile@app",
    ],
)
def test_repositories(repository: str) -> None:
    assert app(repository=repository).repository == repository


@pytest.mark.parametrize("ref", ["main", "v1.2-rc3", "feature/a+b", "refs/tags/v1", "c0ffee1"])
def test_refs(ref: str) -> None:
    assert app(ref=ref).ref == ref


@pytest.mark.parametrize("folder", ["", "web", "apps/web", ".apps/a_b-c+d@2", "a/..b", "a...b/c"])
def test_folders(folder: str) -> None:
    assert app(folder=folder).folder == folder


def test_writable_folders_have_the_same_names_as_others() -> None:
    names = ("web", ".apps/a_b-c+d@2", "a/..b", "a...b/c")
    assert app(writable=names).writable == names


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"repository": "https://ann:secret@git.example/app"}, "a password or token in the URL"),
        ({"repository": "https://:secret@git.example/app"}, "a password or token in the URL"),
        ({"repository": "https://a-token@git.example/app"}, "a password or token in the URL"),
        ({"repository": "https://ann:sec/ret@git.example/app"}, "a password or token in the URL"),
        ({"repository": "https://ann:sec@ret@git.example/app"}, "a password or token in the URL"),
        ({"repository": "https://tok/en@git.example/app"}, "a password or token in the URL"),
        ({"repository": "HTTPS://a-token@git.example/app"}, "a password or token in the URL"),
        ({"repository": "https://git.example/app?private_token=x"}, "a password or token in the"),
        ({"repository": "https://git.example/app#token"}, "a password or token in the URL"),
        ({"repository": "ssh://git:secret@git.example/app"}, "a password or token in the URL"),
        ({"repository": "hg::https://a:secret@git.example/app"}, "a password or token in the URL"),
        ({"repository": "git@git.example:app\nx"}, "in one line, got control characters"),
        ({"repository": "--upload-pack=touch /tmp/x"}, "expected a URL or a path"),
        ({"repository": ""}, "at least 1 character"),
        ({"ref": "--upload-pack=touch /tmp/x"}, "expected the name of a branch or tag"),
        ({"ref": "a..b"}, "git does not allow such names"),
        ({"ref": "HEAD~1"}, "git does not allow such names"),
        ({"ref": "main:other"}, "git does not allow such names"),
        ({"ref": "a b"}, "git does not allow such names"),
        ({"ref": "*"}, "git does not allow such names"),
        ({"ref": "@{-1}"}, "git does not allow such names"),
        ({"ref": ""}, "at least 1 character"),
        ({"name": "Demo"}, "should match pattern"),
        ({"name": "-demo"}, "should match pattern"),
        ({"name": "a/../b"}, "should match pattern"),
        ({"name": "demo\n"}, "should match pattern"),
        ({"port": 0}, "greater than or equal to 1"),
        ({"port": 70000}, "less than or equal to 65535"),
        ({"health_path": "up"}, "should match pattern"),
        ({"health_path": "/up here"}, "should match pattern"),
        ({"user": "root;"}, "should match pattern"),
        ({"start": ""}, "at least 1 character"),
        ({"test": ""}, "at least 1 character"),
        ({"start": " \n"}, "expected a command, got blanks"),
        ({"test": " "}, "expected a command, got blanks"),
        ({"start": "cd web && node server.js"}, "expected one command, .*`cd` is the shell's own"),
        ({"start": "a & b"}, "expected one command, .*`&` is followed by another command"),
        ({"start": "node a.js\nnode b.js"}, "expected one command, .*it has several lines"),
        ({"start": "a\0"}, "expected text, got a NUL character"),
        ({"build": "a\0"}, "expected text, got a NUL character"),
        ({"migrate": "rails a\nrails b"}, "expected one line, got several"),
        ({"folder": "/srv/web"}, "expected a folder .* got '/srv/web': it is absolute"),
        ({"folder": "../web"}, "it leads out of the repository"),
        ({"folder": "apps/*"}, "it is a pattern"),
        ({"folder": "my apps/web"}, "letters, digits and"),
        ({"folder": "-web"}, "letters, digits and"),
        ({"folder": "%h"}, "letters, digits and"),
        ({"folder": "web\n"}, "letters, digits and"),
        ({"writable": ("-web",)}, "got '-web'"),
        ({"writable": ("web\n",)}, "got 'web"),
        ({"folder": "./web"}, "write it as git does"),
        ({"folder": "web/"}, "write it as git does"),
        ({"writable": ("/etc",)}, "expected a folder of the application, .* got '/etc'"),
        ({"writable": ("tmp", "a/../../b")}, "got 'a/../../b': nothing absolute, no `..`"),
        ({"writable": ("two words",)}, "of letters, digits and .* alone"),
        ({"test_services": ("mysql",)}, "expected some of postgresql, redis, got 'mysql'"),
        ({"mounts": ("/srv/media",)}, "expected a folder of the application"),
        ({"migrate_writable": ("..",)}, "expected a folder of the application"),
        ({"smoke": ("products",)}, "expected a path that begins with a slash, .* got 'products'"),
        ({"smoke": ("/", "/a b")}, "expected a path that begins with a slash, .* got '/a b'"),
        ({"hardening": "none"}, "Input should be 'strict', 'standard' or 'basic'"),
        ({"depends_on": ("/etc",)}, "expected a path from the repository's top, got '/etc'"),
        ({"depends_on": ("lib", "a/../../b")}, "it leads out of the repository"),
        ({"environment": {"A-B": "1"}}, "expected an environment variable's name, got 'A-B'"),
        ({"environment": {"A": "1\n2"}}, "the value of A must be a single line"),
        ({"environment": {"A": "1\0"}}, "the value of A must be a single line"),
        ({"test_environment": {"UID": "1"}}, "UID is the shell's own, which nobody can set"),
        ({"test_environment": {"1A": "x"}}, "expected an environment variable's name"),
        ({"helth_path": "/up"}, "Extra inputs are not permitted"),
    ],
)
def test_a_mistake_is_named(bad: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said) as caught:
        app(**bad)
    assert caught.value.error_count() == 1
    assert caught.value.errors()[0]["loc"] == tuple(bad)
    field, value = next(iter(bad.items()))
    if field == "migrate" or (field == "start" and "\0" not in value):
        # An editor refuses it too.
        assert not value or not re.search(told(field)["pattern"], value)


@pytest.mark.parametrize("repository", ["https://ann:hush@git.example/app", "https://h/x?t=hush"])
def test_a_refused_address_is_not_repeated(repository: str) -> None:
    """Neither here nor where a whole release is asked for: it would be in a log."""
    for ask in (
        lambda: app(repository=repository),
        lambda: ReleaseSpec.model_validate({"app": {"repository": repository, "port": 0}}),
    ):
        with pytest.raises(ValidationError) as caught:
            ask()
        assert "hush" not in str(caught.value)
        assert "hush" not in repr(caught.value)


@pytest.mark.parametrize("field", ["build", "test_setup", "test"])
def test_scripts_may_have_several_lines(field: str) -> None:
    assert getattr(app(**{field: "one\ntwo\n"}), field) == "one\ntwo"


def test_the_line_end_of_a_block_in_yaml_is_no_second_line() -> None:
    demo = app(start="NODE_ENV=production node server.js\n", migrate="rails a && rails b\n")
    assert demo.start == "NODE_ENV=production node server.js"
    assert demo.migrate == "rails a && rails b"
    assert re.search(told("start")["pattern"], demo.start + "\n")
    assert re.search(told("migrate")["pattern"], demo.migrate + "\n")


@pytest.mark.parametrize(
    ("bad", "where"),
    [
        ({"app": {"repository": "x", "port": 0}}, ("app", "port")),
        ({"fleet": {"capacity": 0}}, ("fleet", "capacity")),
        ({"infra": {"region": "Ireland"}}, ("infra", "region")),
        ({"infra": {"security_groups": []}}, ("infra", "security_groups")),
        ({"build": {"ssh_interface": "pigeon"}}, ("build", "ssh_interface")),
        ({"build": {"ssh_interface": "session_manager"}}, ("build",)),
        ({"gate": {"polls": 0}}, ("gate", "polls")),
        ({"keep_versions": 0}, ("keep_versions",)),
        ({"keep_versions": -1}, ("keep_versions",)),
        ({"dry_run": True}, ("dry_run",)),
    ],
)
def test_a_release_says_where_the_mistake_is(bad: dict[str, Any], where: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError) as caught:
        ReleaseSpec.model_validate({"app": {"repository": "x"}, **bad})
    assert [error["loc"] for error in caught.value.errors()] == [where]


def test_a_field_that_is_gone_says_what_took_its_place() -> None:
    with pytest.raises(ValidationError, match=r"health_seconds is gone: .* start_seconds"):
        ReleaseSpec.model_validate({"app": {"repository": "x"}, "build": {"health_seconds": 60}})


@pytest.mark.parametrize("region", ["", "eu-west-1", "us-gov-west-1", "ap-southeast-4"])
def test_regions(region: str) -> None:
    spec = ReleaseSpec.model_validate({"app": {"repository": "x"}, "infra": {"region": region}})
    assert spec.infra.region == region


def test_what_was_asked_for_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        BuildSettings().instance_type = "t3.large"  # type: ignore[misc]
