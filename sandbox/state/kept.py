"""The account as bytes, for a sandbox that goes on where the last one of its directory ended."""

import hashlib
import io
import json
import logging
import pickle
import platform
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from moto.cloudformation.models import cloudformation_backends
from moto.efs.models import efs_backends
from moto.iam.models import iam_backends
from moto.logs.models import logs_backends
from moto.secretsmanager.models import secretsmanager_backends
from moto.ssm.models import ssm_backends

from sandbox.state.account import Account
from sandbox.state.records import ACCOUNT_ID

log = logging.getLogger(__name__)

_SANDBOX = Path(__file__).parents[1]


class KeptError(Exception):
    """Why what was kept cannot be taken over."""


@cache
def _code() -> str:
    """Of what the bytes are made by: another version's would be half of what is expected."""
    digest = hashlib.sha256()
    for path in sorted(_SANDBOX.rglob("*.py")):
        digest.update(path.relative_to(_SANDBOX).as_posix().encode() + b"\0" + path.read_bytes())
    return f"{digest.hexdigest()[:16]} moto {version('moto')} python {platform.python_version()}"


def _backends(account: Account) -> dict[str, Any]:
    region = account.region
    return {
        "ec2": account.ec2,
        "elbv2": account.elbv2,
        "iam": iam_backends[ACCOUNT_ID]["aws"],
        "secretsmanager": secretsmanager_backends[ACCOUNT_ID][region],
        "logs": logs_backends[ACCOUNT_ID][region],
        "efs": efs_backends[ACCOUNT_ID][region],
        "cloudformation": cloudformation_backends[ACCOUNT_ID][region],
    }


class _Writer(pickle.Pickler):
    """What is in a backend names the backend: that stays a name, and is the one in use when it is
    read. Were it written with all that is in it, there would be two afterwards."""

    def __init__(self, file: io.BytesIO, backends: Mapping[str, Any]) -> None:
        super().__init__(file)
        self._names = {id(one): name for name, one in backends.items()}

    def persistent_id(self, obj: Any) -> str | None:
        return self._names.get(id(obj))


class _Reader(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, backends: Mapping[str, Any]) -> None:
        super().__init__(file)
        self._backends = backends

    def persistent_load(self, pid: str) -> Any:
        return self._backends[pid]


def _parameters(account: Account) -> Any:
    return ssm_backends[ACCOUNT_ID][account.region]


def _head(account: Account, machines: str) -> dict[str, str]:
    return {"code": _code(), "machines": machines, "region": account.region}


def dump(account: Account, name: str, machines: str) -> bytes:
    """Of the sandbox of that name, with that kind of machines. The caller holds the account's lock.
    There are secrets in it."""
    head = {**_head(account, machines), "name": name}
    ssm = _parameters(account)
    body = {
        "now": account.clock.now(),
        "state": account.state,
        "scripts": account.scripts.rules(),
        "backends": {name: one.__dict__ for name, one in _backends(account).items()},
        # The whole of it has functions that cannot be written down.
        "parameters": dict(ssm._parameters),
        "parameter_tags": {kind: dict(tags) for kind, tags in ssm._resource_tags.items()},
    }
    return json.dumps(head).encode() + b"\n" + _written(account, body)


def _written(account: Account, body: dict[str, Any]) -> bytes:
    try:
        return _pickled(account, body)
    except Exception:  # pickle has no error of its own for all that it cannot write
        # A stack may hold anything of moto's: the account is kept without such stacks.
        stacks = body["backends"]["cloudformation"]["stacks"]
        good = {name: one for name, one in stacks.items() if _can_be_written(account, one)}
        lost = [one.name for name, one in stacks.items() if name not in good]
        if not lost:
            raise
        log.warning("these stacks are not kept for the next sandbox: %s", ", ".join(lost))
        emptied = {"stacks": good, "deleted_stacks": {}, "change_sets": {}}
        own = {**body["backends"]["cloudformation"], **emptied}
        return _pickled(account, {**body, "backends": {**body["backends"], "cloudformation": own}})


def _can_be_written(account: Account, stack: Any) -> bool:
    try:
        _pickled(account, stack)
    except Exception:  # noqa: BLE001 - as above
        return False
    return True


def _pickled(account: Account, value: Any) -> bytes:
    file = io.BytesIO()
    _Writer(file, _backends(account)).dump(value)
    return file.getvalue()


def load(account: Account, data: bytes, machines: str) -> None:
    """Into an account that is empty. The caller holds its lock.

    Raises:
        KeptError: another version has written it, or it is damaged. Nothing was changed.
    """
    line, _, rest = data.partition(b"\n")
    wanted = _head(account, machines)
    try:
        head = json.loads(line)
        other = [key for key in wanted if head.get(key) != wanted[key]]
        # Of another version: not even tried.
        body = None if other else _Reader(io.BytesIO(rest), _backends(account)).load()
    except Exception as error:
        raise KeptError(f"it cannot be read: {error}") from error
    if body is None:
        raise KeptError(f"it is of another version ({', '.join(other)})")
    _put(account, body)


def _put(account: Account, body: dict[str, Any]) -> None:
    account.clock.set(body["now"])
    account.state = body["state"]
    account.scripts.put(body["scripts"])
    for name, own in _backends(account).items():
        own.__dict__ = body["backends"][name]
    ssm = _parameters(account)
    ssm._parameters.update(body["parameters"])
    for kind, tags in body["parameter_tags"].items():
        ssm._resource_tags[kind].update(tags)


def lost_images(account: Account, there: Iterable[str]) -> list[str]:
    """Images of the account's own whose content is gone."""
    known = set(there)
    amis = account.ec2.amis.values()
    return [one.id for one in amis if one.owner_id == ACCOUNT_ID and one.id not in known]
