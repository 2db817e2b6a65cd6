"""Credentials that end in the middle of a release are noticed before it has begun."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from spotkiln.aws.lasting import VARIABLE, require_lasting
from spotkiln.aws.session import Aws, connect
from spotkiln.errors import InputError
from spotkiln.start.deployment import ROLE_ARN as ARN
from tests.unit.moto_account import moto_account


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", ARN, VARIABLE):
        monkeypatch.delenv(name, raising=False)
    connect.cache_clear()
    with moto_account():
        yield
    connect.cache_clear()


def aws(monkeypatch: pytest.MonkeyPatch, end: str) -> Aws:
    monkeypatch.setenv(VARIABLE, end)
    return connect("eu-west-1")


def after(**left: float) -> str:
    return (datetime.now(UTC) + timedelta(**left)).isoformat()


@pytest.mark.parametrize("minutes", [2.5, 9.5])
def test_too_short_for_any_release(
    monkeypatch: pytest.MonkeyPatch, said: list[str], minutes: float
) -> None:
    with pytest.raises(InputError) as caught:
        require_lasting(aws(monkeypatch, after(minutes=minutes)), said.append)
    told = str(caught.value)
    assert re.search(
        rf"in {int(minutes)} minutes .*, in the middle of the release: use a role", told
    )
    assert said == []


@pytest.mark.parametrize("of_the_release", [True, False])
def test_a_role_lasts_as_long_as_what_it_is_assumed_with(
    monkeypatch: pytest.MonkeyPatch, said: list[str], *, of_the_release: bool
) -> None:
    """Of the account of the release, or of the one that images are taken from."""
    role = "arn:aws:iam::210987654321:role/spotkiln-worker"
    if of_the_release:
        monkeypatch.setenv(ARN, role)
        there = aws(monkeypatch, after(minutes=20.5))
        assert there.session.get_credentials().method == "assume-role"  # type: ignore[union-attr]
    else:
        there = aws(monkeypatch, after(minutes=20.5))
    require_lasting(there, said.append)
    assert "in 20 minutes" in said.pop()
    monkeypatch.setenv(VARIABLE, after(minutes=5))
    with pytest.raises(InputError, match="in the middle of the release"):
        require_lasting(there, said.append)


def test_short_for_a_long_one_is_said(monkeypatch: pytest.MonkeyPatch, said: list[str]) -> None:
    require_lasting(aws(monkeypatch, after(minutes=40.5)), said.append)
    (told,) = said
    assert "in 40 minutes" in told
    assert "a release that takes longer fails then" in told


def test_long_enough_is_said_nothing_of(monkeypatch: pytest.MonkeyPatch, said: list[str]) -> None:
    require_lasting(aws(monkeypatch, after(hours=3)), said.append)
    require_lasting(connect("eu-west-2"), said.append)
    monkeypatch.delenv(VARIABLE)
    require_lasting(connect("eu-west-1"), said.append)
    assert said == []


def test_the_variable_is_that_of_credentials_in_variables_alone(
    monkeypatch: pytest.MonkeyPatch, said: list[str], tmp_path: Path
) -> None:
    """It may be left over, beside those of a file."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    file = tmp_path / "credentials"
    file.write_text("[default]\naws_access_key_id=a\naws_secret_access_key=b\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    require_lasting(aws(monkeypatch, after(minutes=1)), said.append)
    assert said == []


@pytest.mark.parametrize("wrong", ["soon", "2026-11-26T20:00:00"])
def test_what_is_no_time_is_said(
    monkeypatch: pytest.MonkeyPatch, said: list[str], wrong: str
) -> None:
    there = connect("eu-west-1")
    there.session.get_credentials()
    monkeypatch.setenv(VARIABLE, wrong)
    with pytest.raises(InputError, match=VARIABLE):
        require_lasting(there, said.append)
