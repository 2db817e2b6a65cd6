"""`spotkiln ssh`: what this process becomes."""

import json
from pathlib import Path
from typing import Any

import pytest

from spotkiln.bake.builder import BuildSettings, SshInterface
from spotkiln.bake.infra_names import InfraNames
from spotkiln.cli import ssh
from spotkiln.cli.ssh import Asked, asked_of, program, way_of
from spotkiln.cli.status import Status
from spotkiln.errors import InputError
from spotkiln.release.release import ReleaseSpec
from spotkiln.serve.shell import Way
from tests.unit import nouns

SPEC = ReleaseSpec(app=nouns.app(name="shop"))
SESSION = SPEC.model_copy(
    update={
        "build": BuildSettings(
            ssh_interface=SshInterface.SESSION_MANAGER, instance_profile="builder"
        )
    }
)
SERVES = Status(
    app="shop", region="eu-west-1", target_group="website", fleet="sfr-1", image="ami-1",
    servers=(nouns.server("i-1", fleet="sfr-1"), nouns.server("i-0", fleet="sfr-0")),
)  # fmt: skip


class FakeAws:
    region = "eu-west-1"


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """i-1 serves. Both programs are on PATH; the folder that they are in."""
    answers: dict[str, Any] = {
        "seeing.look": lambda _: SERVES,
        "connect": lambda _: FakeAws(),
        "resolve_region": lambda _: "eu-west-1",
        "images.describe": lambda *_: nouns.image(login="ubuntu"),
        "reaching.address": lambda *_, private: "10.0.0.7" if private else "192.0.2.7",
        "reaching.open_session": lambda *_: {"SessionId": "s-1", "TokenValue": "hush"},
        "reaching.endpoint": lambda _: "https://ssm.example",
    }
    for name, answer in answers.items():
        monkeypatch.setattr(f"spotkiln.cli.ssh.{name}", answer)
    monkeypatch.delenv(ssh.KEY, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("ssh", ssh.PLUGIN):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    return tmp_path


def test_by_a_key_as_the_image_lets_in(account: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = program(SPEC, Asked(command=("uptime",))).arguments
    assert (found[0], found[-3:]) == (str(account / "ssh"), ("ubuntu@192.0.2.7", "--", "uptime"))
    monkeypatch.setenv(ssh.KEY, "/keys/demo.pem")
    found = program(SPEC, Asked()).arguments
    assert found[-3:] == ("-i", "/keys/demo.pem", "ubuntu@192.0.2.7")
    inside = SPEC.model_copy(
        update={
            "build": BuildSettings(ssh_interface=SshInterface.PRIVATE_IP, ssh_username="deploy")
        }
    )
    assert program(inside, Asked(key="/k")).arguments[-1] == "deploy@10.0.0.7"


def test_no_token_is_on_a_command_line() -> None:
    found = program(SESSION, Asked(command=("uptime",)))
    assert "hush" not in " ".join(found.arguments)
    assert json.loads(found.environment[ssh.RESPONSE])["TokenValue"] == "hush"
    assert found.arguments[1:4] == (ssh.RESPONSE, "eu-west-1", "StartSession")
    assert json.loads(found.arguments[5])["Parameters"] == {"command": ["uptime"]}


def test_which_way(tmp_path: Path) -> None:
    assert way_of(SPEC) is Way.KEY
    assert way_of(SESSION) is Way.SESSION
    assert way_of(SPEC.model_copy(update={"infra": InfraNames(key_pair="")})) is Way.SESSION
    assert program(SESSION, Asked(way=Way.KEY)).arguments[0].endswith("/ssh")


def test_what_cannot_be(account: Path) -> None:
    with pytest.raises(InputError, match="i-0 is no server of shop"):
        program(SPEC, Asked(instance="i-0"))
    with pytest.raises(InputError, match="no file /nowhere"):
        asked_of("", "", "/nowhere", ())
    (account / "ssh").unlink()
    with pytest.raises(InputError, match="no ssh on PATH: install openssh-client"):
        program(SPEC, Asked())
