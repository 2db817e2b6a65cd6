"""python -m sandbox: starts an EC2 on this machine, shows its state, disturbs it and ends it."""

import argparse
import getpass
import json
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from sandbox.engine.account_settings import AccountSettings
from sandbox.process.directory import AlreadyRunningError, Directory
from sandbox.process.say import COMMAND, complain, say

# The sandbox that is meant when `--dir` is not given.
DIRECTORY, DEFAULT = "SANDBOX_DIR", "build/sandbox"

# Of an account: no target groups, and nothing that goes with them.
EMPTY = '{"target_groups": []}'

Command = Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    command: Command = options.command
    try:
        return command(options)
    except AlreadyRunningError as error:
        complain(str(error))
        return 1


def _account(text: str) -> str:
    """The same, if an account can be made of it."""
    try:
        AccountSettings.from_json(json.loads(text))
    except (ValueError, TypeError, AttributeError) as error:
        raise argparse.ArgumentTypeError(
            f"expected JSON as the sandbox's README has it, got {text!r}: {error}"
        ) from error
    return text


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command: Command, text: str) -> argparse.ArgumentParser:
        one = commands.add_parser(name, help=text, description=text)
        one.set_defaults(command=command)
        one.add_argument("--dir", type=Path, default=Path(os.environ.get(DIRECTORY, DEFAULT)))
        return one

    up = add("up", _up, "start a sandbox and serve until Ctrl-C")
    up.add_argument("--machines", choices=("docker", "simulated"), default="docker")
    up.add_argument("--speed", type=float, default=1.0, help="sandbox seconds per real second")
    up.add_argument("--region", default="eu-west-1")
    up.add_argument(
        "--name", help="told apart from other sandboxes by; default: from the directory"
    )
    up.add_argument("--detach", action="store_true", help="return once it is ready")
    up.add_argument("--port", type=int, default=0, help="of the AWS API; 0: a free one")
    up.add_argument("--kept", action="append", default=[], metavar="KEY", help="a kept image")
    up.add_argument(
        "--resume", action="store_true", help="go on with what the last one left; leave it, too"
    )
    whose = up.add_mutually_exclusive_group()
    whose.add_argument("--account", default="{}", type=_account, help="JSON: target_groups, zones")
    whose.add_argument(
        "--empty",
        action="store_const",
        dest="account",
        const=EMPTY,
        help="an account that nobody has prepared: no target groups, no roles",
    )
    down = add("down", _down, "end the sandbox and remove all that it or a killed one left")
    down.add_argument("--forget", action="store_true", help="also what `up --resume` goes on with")
    status = add("status", _status, "what runs; exit code 3 if nothing does")
    status.add_argument("--json", action="store_true")
    add("environment", _environment, "variables that make it the AWS of a shell: eval them there")
    interrupt = add("interrupt", _interrupt, "interrupt a spot instance, with notice")
    interrupt.add_argument("instance_id")
    interrupt.add_argument("--notice-seconds", type=float, default=120)
    rebalance = add("rebalance", _rebalance, "recommend to rebalance a spot instance")
    rebalance.add_argument("instance_id")
    fault = add(
        "fault",
        _fault,
        "set a fault: OPERATION KIND [NAME=VALUE ...]; see sandbox/faults/faults.py",
    )
    fault.add_argument("fault", nargs="*", metavar="OPERATION KIND NAME=VALUE")
    fault.add_argument("--clear", action="store_true", help="remove all faults")
    keep = add("keep", _keep, "keep an image for later sandboxes: `up --kept KEY`")
    keep.add_argument("image_id")
    keep.add_argument("--key", required=True)
    add("forget", _forget, "drop all kept images")
    _add_settings(add)
    _add_infrastructure(add)
    return parser


def _add_settings(add: Callable[[str, Command, str], argparse.ArgumentParser]) -> None:
    parameters = add("parameters", _parameters, "show the Parameter Store's parameters")
    parameters.add_argument("path", nargs="?", default="/", help="only those below it")
    parameters.add_argument("--values", action="store_true", help="show the secure ones' values")
    one = add("set-parameter", _set_parameter, "set a parameter; its value is read from stdin")
    one.add_argument("name", help="such as /demo-web-app/production/DATABASE_URL")
    one.add_argument("--secure", action="store_true", help="as a SecureString")
    add("secrets", _secrets, "show Secrets Manager's secrets and their keys, without values")
    one = add("set-secret", _set_secret, "set a key of a secret; its value is read from stdin")
    one.add_argument("name", help="such as demo-web-app/production")
    one.add_argument("key", help="such as DATABASE_URL")


def _add_infrastructure(add: Callable[[str, Command, str], argparse.ArgumentParser]) -> None:
    group = add("target-group", _target_group, "make a target group behind a load balancer")
    group.add_argument("name", help="such as shop-staging; one that is there is changed")
    group.add_argument("--port", type=int, default=3000, help="where the servers listen")
    group.add_argument("--path", default="/up", help="that health checks ask for")
    group.add_argument("--health-port", type=int, default=0, help="of health; 0: the traffic's")
    profile = add("instance-profile", _instance_profile, "make an instance profile with its role")
    profile.add_argument("name", help="such as shop-staging")
    profile.add_argument(
        "--parameters", action="append", default=[], metavar="PATH", help="it may read below it"
    )
    profile.add_argument(
        "--secret", action="append", default=[], metavar="NAME", help="that it may read"
    )
    name = add("security-group", _security_group, "make a security group that load balancers pass")
    name.add_argument("name")


def _up(options: argparse.Namespace) -> int:
    from sandbox.process import process

    if options.detach:
        return process.detach(options)
    return process.serve(options)


def _down(options: argparse.Namespace) -> int:
    from sandbox.process import process

    return process.down(Directory(options.dir), forget=options.forget)


def _status(options: argparse.Namespace) -> int:
    directory = Directory(options.dir)
    description = directory.read()
    if description is None or not directory.running():
        say("null" if options.json else f"no sandbox runs in {directory.path}")
        return 3
    inventory = _client(options).inventory()
    if options.json:
        say(json.dumps({**description, "inventory": inventory}, indent=2))
        return 0
    say(f"{description['name']}: {description['machines']} machines, pid {description['pid']}")
    say(f"AWS API {description['endpoint']}")
    from sandbox.client import by_address

    for address, names in by_address(description["load_balancers"]).items():
        say(f"load balancer {', '.join(names)} {address}")
    for kind, found in inventory.items():
        say(f"{kind}: {found['count']} {' '.join(found['ids'])}".rstrip())
    return 0


def _environment(options: argparse.Namespace) -> int:
    for name, value in _client(options).environment.items():
        say(f"export {name}={shlex.quote(value)}")
    return 0


def _interrupt(options: argparse.Namespace) -> int:
    _client(options).interrupt(options.instance_id, options.notice_seconds)
    return 0


def _rebalance(options: argparse.Namespace) -> int:
    _client(options).recommend_rebalance(options.instance_id)
    return 0


def _fault(options: argparse.Namespace) -> int:
    client = _client(options)
    if options.clear:
        client.clear_faults()
    elif options.fault:
        operation, kind, *rest = [*options.fault, ""] if len(options.fault) == 1 else options.fault
        arguments = dict(one.split("=", 1) for one in rest if one)
        client.fault(operation, kind, **{key: _value(text) for key, text in arguments.items()})
    for fault in client.faults():
        say(json.dumps(fault))
    return 0


def _value(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _keep(options: argparse.Namespace) -> int:
    _client(options).keep(options.image_id, options.key)
    return 0


def _forget(options: argparse.Namespace) -> int:
    from sandbox.process import process

    directory = Directory(options.dir)
    keys = _client(options).forget() if directory.running() else process.forget(directory)
    say(f"forgot {len(keys)} kept images {' '.join(keys)}".rstrip())
    return 0


def _parameters(options: argparse.Namespace) -> int:
    settings = _settings(options)
    rows = settings.parameters(options.path, values=options.values)
    _show(("NAME", "TYPE", "VERSION", "VALUE"), rows, f"no parameters below {options.path}")
    return 0


def _set_parameter(options: argparse.Namespace) -> int:
    settings, value = _settings(options), _read_value(options.name)
    version = settings.set_parameter(options.name, value, secure=options.secure)
    say(f"{options.name} has version {version}")
    return 0


def _secrets(options: argparse.Namespace) -> int:
    _show(("NAME", "KEYS"), _settings(options).secrets(), "no secrets")
    return 0


def _set_secret(options: argparse.Namespace) -> int:
    settings = _settings(options)
    settings.set_secret(options.name, options.key, _read_value(options.key))
    say(f"{options.name} has a new value of {options.key}")
    return 0


def _target_group(options: argparse.Namespace) -> int:
    from sandbox.infrastructure import Group

    group = Group(options.name, options.port, options.path, options.health_port)
    done = _infrastructure(options).put_group(group) or "is there"
    say(f"target group {group.name}: {done}")
    return 0


def _instance_profile(options: argparse.Namespace) -> int:
    from sandbox.infrastructure import Profile

    profile = Profile(options.name, tuple(options.parameters), tuple(options.secret))
    done = _infrastructure(options).put_profile(profile) or "is there"
    say(f"instance profile {profile.name}: {done}")
    return 0


def _security_group(options: argparse.Namespace) -> int:
    done = _infrastructure(options).put_security_group(options.name) or "is there"
    say(f"security group {options.name}: {done}")
    return 0


def _infrastructure(options: argparse.Namespace):  # type: ignore[no-untyped-def]
    from sandbox.infrastructure import Infrastructure

    return Infrastructure(_client(options))


def _show(head: tuple[str, ...], rows: Sequence[tuple[str, ...]], none: str) -> None:
    from sandbox.settings import table

    for line in table([head, *rows]) if rows else [none]:
        say(line)


def _read_value(what: str) -> str:
    """From standard input: on the command line every user of the machine could read it. Typed, it
    is not shown."""
    if sys.stdin.isatty():
        return getpass.getpass(f"{what}: ")
    return sys.stdin.read().removesuffix("\n")


def _settings(options: argparse.Namespace):  # type: ignore[no-untyped-def]
    from sandbox.settings import Settings

    return Settings(_client(options))


def _client(options: argparse.Namespace):  # type: ignore[no-untyped-def]
    from sandbox.client import Sandbox

    return Sandbox.attach(options.dir)


if __name__ == "__main__":
    from sandbox.client import SandboxError

    try:
        sys.exit(main())
    except SandboxError as error:
        complain(str(error))
        sys.exit(1)
