"""The way into a machine that serves: which one, and with which command."""

import shlex
from collections.abc import Iterable, Sequence
from enum import StrEnum

from spotkiln.errors import InputError
from spotkiln.noun import Noun
from spotkiln.target import Health, Server

# A security group that does not let one in says nothing: ssh alone would wait for minutes.
CONNECT_SECONDS = 20


class Way(StrEnum):
    KEY = "key"
    SESSION = "session"


class Door(Noun):
    """A machine, by its id, at the address at which it is reached, and whom it lets in. `key` is
    the file of a private key; empty: what ssh finds by itself."""

    instance: str
    address: str
    login: str
    key: str = ""


def choose(servers: Iterable[Server], wanted: str, app: str) -> Server:
    """The one that is meant; any healthy one if none is named, or else any.

    Raises:
        InputError: it is none of the application's, or there is none.
    """
    known = list(servers)
    if not known:
        raise InputError(f"no server of {app} is there: nothing of it serves")
    if not wanted:
        return min(known, key=lambda one: (one.health is not Health.HEALTHY, one.instance))
    for one in known:
        if one.instance == wanted:
            return one
    names = ", ".join(f"{one.instance} ({one.health})" for one in known)
    raise InputError(f"{wanted} is no server of {app}; there are: {names}")


def ssh_command(door: Door, command: Sequence[str], *, terminal: bool) -> list[str]:
    """With `command`, which reaches the program as it is, or a shell. Machines come and go with
    their addresses, so each is known by its id. `terminal`: there is one to give to the command."""
    options = [
        f"HostKeyAlias={door.instance}",
        "StrictHostKeyChecking=accept-new",
        f"ConnectTimeout={CONNECT_SECONDS}",
    ]
    if door.key:
        options.append("IdentitiesOnly=yes")
    return [
        "ssh",
        *(part for one in options for part in ("-o", one)),
        *(("-i", door.key) if door.key else ()),
        *(("-t",) if command and terminal else ()),
        f"{door.login}@{door.address}",
        *(("--", shlex.join(command)) if command else ()),
    ]


def session_request(instance: str, command: Sequence[str]) -> dict[str, object]:
    """What Session Manager is asked for: a shell, or one command."""
    if not command:
        return {"Target": instance}
    return {
        "Target": instance,
        "DocumentName": "AWS-StartInteractiveCommand",
        "Parameters": {"command": [shlex.join(command)]},
    }
