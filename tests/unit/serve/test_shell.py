"""The way into a machine: which one, and with which words."""

import pytest

from spotkiln.errors import InputError
from spotkiln.serve.shell import Door, choose, session_request, ssh_command
from spotkiln.target import Health
from tests.unit import nouns

SICK = nouns.server("i-1", health=Health.UNHEALTHY)
WELL = nouns.server("i-2")
DOOR = Door(instance="i-2", address="192.0.2.7", login="admin")


def test_a_healthy_one_is_taken_unless_one_is_named() -> None:
    assert choose([SICK, WELL], "", "shop") == WELL
    assert choose([SICK], "", "shop") == SICK
    assert choose([SICK, WELL], "i-1", "shop") == SICK
    with pytest.raises(InputError, match=r"i-9 is no server of shop; there are: i-1 \(unhealthy\)"):
        choose([SICK, WELL], "i-9", "shop")
    with pytest.raises(InputError, match="nothing of it serves"):
        choose([], "", "shop")


def test_a_shell_by_a_key() -> None:
    assert ssh_command(DOOR, (), terminal=True) == [
        "ssh", "-o", "HostKeyAlias=i-2", "-o", "StrictHostKeyChecking=accept-new",
        "-o", "ConnectTimeout=20", "admin@192.0.2.7",
    ]  # fmt: skip


def test_a_command_reaches_the_program_as_it_is() -> None:
    """ssh gives all words to a shell."""
    door = DOOR.model_copy(update={"key": "/keys/demo.pem"})
    found = ssh_command(door, ("grep", "-r", "a b", "$HOME"), terminal=False)
    assert found[-4:] == [
        "/keys/demo.pem", "admin@192.0.2.7", "--", "grep -r 'a b' '$HOME'",
    ]  # fmt: skip
    assert found[7:9] == ["-o", "IdentitiesOnly=yes"]
    assert "-t" in ssh_command(door, ("top",), terminal=True)


def test_what_session_manager_is_asked_for() -> None:
    assert session_request("i-2", ()) == {"Target": "i-2"}
    assert session_request("i-2", ("echo", "a b")) == {
        "Target": "i-2",
        "DocumentName": "AWS-StartInteractiveCommand",
        "Parameters": {"command": ["echo 'a b'"]},
    }
