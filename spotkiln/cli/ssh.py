"""Into a server: by a key, or by Session Manager. This process becomes the program that does it."""

import json
import os
import shutil
import sys
from collections.abc import Sequence

from spotkiln.aws.bake import image as images
from spotkiln.aws.serve import shell as reaching
from spotkiln.aws.session import Aws, connect, resolve_region
from spotkiln.bake.builder import SshInterface
from spotkiln.bake.image import LOGIN
from spotkiln.cli import status as seeing
from spotkiln.cli.output import tell
from spotkiln.cli.typed import require_key
from spotkiln.errors import InputError
from spotkiln.noun import Noun
from spotkiln.release.release import ReleaseSpec
from spotkiln.serve.shell import Door, Way, choose, session_request, ssh_command

# The file of the private key, where ssh cannot know it by itself.
KEY = "SPOTKILN_SSH_KEY"
PLUGIN = "session-manager-plugin"
# The plugin reads from it what it must not get as an argument.
RESPONSE = "AWS_SSM_START_SESSION_RESPONSE"


class Asked(Noun):
    """`way` is None where the deployment decides."""

    instance: str = ""
    way: Way | None = None
    key: str = ""
    command: tuple[str, ...] = ()


class Program(Noun):
    """What this process becomes."""

    arguments: tuple[str, ...]
    environment: dict[str, str] = {}  # noqa: RUF012 - pydantic copies defaults


def way_of(spec: ReleaseSpec) -> Way:
    """As its builder is reached; without a key pair there is only Session Manager."""
    session = spec.build.ssh_interface is SshInterface.SESSION_MANAGER or not spec.infra.key_pair
    return Way.SESSION if session else Way.KEY


def _program(name: str, package: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise InputError(f"no {name} on PATH: install {package}")
    return path


def _by_key(aws: Aws, spec: ReleaseSpec, instance: str, login: str, asked: Asked) -> Program:
    inside = {SshInterface.PRIVATE_IP, SshInterface.PRIVATE_DNS}
    door = Door(
        instance=instance,
        address=reaching.address(aws, instance, private=spec.build.ssh_interface in inside),
        login=login,
        key=asked.key or os.environ.get(KEY, ""),
    )
    path = _program("ssh", "openssh-client")
    _, *others = ssh_command(door, asked.command, terminal=sys.stdin.isatty())
    return Program(arguments=(path, *others))


def _by_session(aws: Aws, instance: str, asked: Asked) -> Program:
    path = _program(PLUGIN, "AWS's plugin of Session Manager")
    request = session_request(instance, asked.command)
    answer = reaching.open_session(aws, request)
    profile = os.environ.get("AWS_PROFILE", "")
    rest = (RESPONSE, aws.region, "StartSession", profile, json.dumps(request))
    return Program(
        arguments=(path, *rest, reaching.endpoint(aws)),
        environment={RESPONSE: json.dumps(answer)},
    )


def program(spec: ReleaseSpec, asked: Asked) -> Program:
    """Which program leads in.

    Raises:
        InputError: no such server, or the program is not here.
    """
    found = seeing.look(spec)
    own = [one for one in found.servers if one.fleet == found.fleet]
    server = choose(own, asked.instance, spec.app.name)
    aws = connect(resolve_region(spec.infra.region))
    image = images.describe(aws, found.image)
    login = spec.build.ssh_username or (image.login if image else LOGIN)
    tell(f"{server.instance} ({server.health})", aside=True)
    if (asked.way or way_of(spec)) is Way.SESSION:
        return _by_session(aws, server.instance, asked)
    return _by_key(aws, spec, server.instance, login, asked)


def become(wanted: Program) -> None:
    """Never returns: every signal reaches the program, and its end is this one's."""
    sys.stdout.flush()
    path, *_ = wanted.arguments
    os.execve(path, list(wanted.arguments), {**os.environ, **wanted.environment})  # noqa: S606


def enter(spec: ReleaseSpec, asked: Asked) -> None:
    become(program(spec, asked))


def asked_of(instance: str, way: str, key: str, command: Sequence[str]) -> Asked:
    require_key(key)
    return Asked(instance=instance, way=Way(way) if way else None, key=key, command=tuple(command))
