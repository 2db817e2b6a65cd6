"""What a worker may know of a configuration: names and versions, against moto."""

from typing import Any

import boto3
import pytest

from spotkiln.aws.bake.configuration import find_configuration, find_if_possible
from spotkiln.aws.session import Aws
from spotkiln.bake.configuration import Configuration, Known
from spotkiln.cli.doctor.account import configuration
from spotkiln.errors import InputError, PermissionDenied
from spotkiln.release.release import ReleaseSpec
from tests.unit import nouns

VALUE = "hunter2-never-seen"
PATH = "/shop/production/"


def ssm() -> Any:
    return boto3.client("ssm", "eu-west-1")


def put(name: str, value: str = VALUE) -> None:
    ssm().put_parameter(Name=name, Value=value, Type="SecureString", Overwrite=True)


def secrets() -> Any:
    return boto3.client("secretsmanager", "eu-west-1")


def found(aws: Aws, *paths: str, secret: str = "") -> Known:
    names = (secret,) if secret else ()
    return find_configuration(aws, Configuration(parameters=paths, secrets=names))


def test_all_pages_of_what_is_directly_below_are_known_by_name(aws: Aws) -> None:
    for number in range(120):
        put(f"{PATH}NAME_{number:03}")
    put(f"{PATH}deeper/HIDDEN")
    put("/shop/production-2/OTHER")
    known = found(aws, PATH)
    assert [one.name for one in known.parameters] == [f"NAME_{n:03}" for n in range(120)]
    assert VALUE not in known.model_dump_json()


def test_nothing_asked_is_nothing_looked_at(aws: Aws) -> None:
    assert found(aws) == Known()


def test_another_value_is_another_version(aws: Aws) -> None:
    put(f"{PATH}A")
    before = found(aws, PATH).versions
    assert found(aws, PATH).versions == before
    put(f"{PATH}A", "another")
    after = found(aws, PATH).versions
    assert after != before


def test_a_secret_counts_with_its_current_version(aws: Aws) -> None:
    secrets().create_secret(Name="shop", SecretString=VALUE)
    known = found(aws, secret="shop")
    assert [one.name for one in known.secrets] == ["shop"]
    assert VALUE not in known.model_dump_json()
    secrets().put_secret_value(SecretId="shop", SecretString="another")
    assert found(aws, secret="shop").versions != known.versions


def test_all_that_is_not_there_is_told_at_once(aws: Aws) -> None:
    put("/shop/deep/er/HIDDEN")
    secrets().create_secret(Name="gone", SecretString=VALUE)
    secrets().delete_secret(SecretId="gone")
    secrets().create_secret(Name="empty")
    asked = Configuration(parameters=("/none/", "/shop/deep/"), secrets=("no", "gone", "empty"))
    with pytest.raises(InputError) as refused:
        find_configuration(aws, asked)
    for words in (
        "no parameter is below /none/ in eu-west-1; put them there",
        "there is /shop/deep/er/HIDDEN: name its own path",
        "no secret no in eu-west-1",
        "secret gone is scheduled to be deleted",
        "secret empty has no value yet",
    ):
        assert words in str(refused.value)


def test_doctor_tells_what_is_there_and_what_is_missing(aws: Aws) -> None:
    asked: dict[str, Any] = {"configuration": Configuration(parameters=(PATH,))}
    whole = ReleaseSpec(app=nouns.app(), **asked)
    with pytest.raises(InputError, match="no parameter is below"):
        configuration(aws, whole, ("A",))
    put(f"{PATH}B")
    with pytest.raises(InputError, match="the application needs A "):
        configuration(aws, whole, ("A",))
    put(f"{PATH}A")
    assert configuration(aws, whole, ("A",)).startswith(f"{PATH}: A, B; `spotkiln plan ")


def test_a_rollback_goes_on_where_nobody_may_look(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = Configuration(parameters=(PATH,))
    said: list[str] = []

    def denied(*_: object) -> Known:
        raise PermissionDenied("no right to DescribeParameters")

    with pytest.raises(InputError, match="no parameter is below"):
        find_if_possible(aws, sources, said.append)
    monkeypatch.setattr("spotkiln.aws.bake.configuration.parameters", denied)
    with pytest.raises(PermissionDenied):
        find_configuration(aws, sources)
    assert find_if_possible(aws, sources, said.append) == Known(sources=sources, unknown=True)
    (line,) = said
    assert line.startswith("the configuration could not be looked at: no right to DescribeParam")
    # Its versions are part of the servers' settings.
    assert "the next release launches new servers, even if nothing has changed" in line
