"""The receiver's settings and secrets: names in the environment, never values in what it says."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rehearsal.prefect_local import ROOT
from spotkiln.errors import InputError
from spotkiln.receiver.secrets import Secrets
from spotkiln.receiver.settings import Settings
from spotkiln.start.hooks import Host


def test_defaults(tmp_path: Path) -> None:
    settings = Settings.from_environment({"STATE_DIRECTORY": f"{tmp_path}:/elsewhere"})
    assert (settings.address, settings.port) == ("127.0.0.1", 4180)
    assert settings.url == "http://127.0.0.1:4180"
    assert settings.spool == tmp_path
    assert {settings.secrets(host) for host in Host} == {()}


def test_from_the_environment() -> None:
    settings = Settings.from_environment(
        {
            "SPOTKILN_RECEIVER_PORT": "8080",
            "SPOTKILN_RECEIVER_URL": "https://push.example.com/",
            "SPOTKILN_RECEIVER_GITHUB_SECRETS": "push_github  old-one",
            "SPOTKILN_RECEIVER_SPOOL": "/srv/spool",
            "SPOTKILN_RECEIVER_MAX_BYTES": "",
            "HOME": "/root",
        }
    )
    assert settings.secrets(Host.GITHUB) == ("push_github", "old-one")
    assert (settings.port, settings.url) == (8080, "https://push.example.com")
    assert settings.spool == Path("/srv/spool")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PROT", "80"),
        ("PORT", "http"),
        ("URL", "push.example.com"),
        ("MAX_BYTES", "0"),
        ("GITHUB_SECRETS", "hunter2$%&"),
        ("CI_HOSTS", "https://hunter2.example.com"),
    ],
)
def test_what_does_not_fit_is_named_and_not_repeated(name: str, value: str) -> None:
    with pytest.raises(InputError, match=f"SPOTKILN_RECEIVER_{name}") as caught:
        Settings.from_environment({f"SPOTKILN_RECEIVER_{name}": value})
    assert "hunter2" not in str(caught.value)


def test_secrets_by_name(tmp_path: Path) -> None:
    (tmp_path / "push_github").write_text("from the credentials\n")
    secrets = Secrets({"CREDENTIALS_DIRECTORY": str(tmp_path), "PUSH": "from the environment"})
    assert asyncio.run(secrets.find(("push_github", "PUSH"))) == {
        "push_github": "from the credentials",
        "PUSH": "from the environment",
    }


def test_a_secret_that_cannot_be_read_is_told_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "push_github").write_bytes(b"\xff\xfe\xff\xfe\xff\xfe")
    secrets = Secrets({"CREDENTIALS_DIRECTORY": str(tmp_path)})
    with pytest.raises(InputError, match=r"push_github cannot be read from .*: it is not text"):
        asyncio.run(secrets.find(("push_github",)))


def test_a_secret_that_anybody_could_guess_is_refused() -> None:
    with pytest.raises(InputError, match="PUSH is shorter than 8") as caught:
        asyncio.run(Secrets({"PUSH": "qwert"}).find(("PUSH",)))
    assert "qwert" not in str(caught.value)


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"SPOTKILN_RECEIVER_GITHUB_SECRETS": "PUSH"}, "set PREFECT_API_URL"),
        ({"PREFECT_API_URL": "http://127.0.0.1:1/api"}, "no secrets are named"),
        ({"SPOTKILN_RECEIVER_PORT": "x"}, "SPOTKILN_RECEIVER_PORT"),
    ],
)
def test_it_does_not_start_with_what_cannot_work(
    tmp_path: Path, environment: dict[str, str], said: str
) -> None:
    own = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
    done = subprocess.run(
        [sys.executable, "-m", "spotkiln.receiver"],
        cwd=ROOT,
        env={**own, "PREFECT_HOME": str(tmp_path), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("spotkiln-receiver: ")
    assert said in done.stderr
