"""Lines: which base image an application is rehearsed on."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from rehearsal.account import BASE_FILES, base_key, client, own_images
from sandbox.client import Sandbox
from spotkiln.bake.base import BaseSpec
from spotkiln.bake.recipe import ROOT, digest_of, digest_of_files
from spotkiln.bake.services import SERVICES
from spotkiln.errors import InputError

PYTHON = {
    "name": "python",
    "packages": ["python3-venv", "python3-dev", "build-essential", "libpq-dev"],
}
# Of Ruby, where gems of a lock file are compiled into the application's folder.
OWN_GEMS = {
    "name": "ruby",
    "packages": [
        "ruby", "ruby-dev", "bundler", "build-essential", "pkgconf", "libffi-dev", "libpq-dev",
        "libsqlite3-dev", "libyaml-dev", "zlib1g-dev", "tzdata",
    ],
}  # fmt: skip
# By kind of application; all others have the default line, which has Ruby and Rails.
LINES: dict[str, dict[str, Any]] = {
    "Django": PYTHON,
    "Python": PYTHON,
    "Node": {"name": "node", "packages": ["nodejs", "npm"]},
    "Go": {"name": "go", "packages": ["golang-go", "gotestsum"]},
}
_BY_VENV = (
    "python3 -m venv /opt/{0}\n/opt/{0}/bin/pip install --quiet {0}\n"
    "ln --symbolic /opt/{0}/bin/{0} /usr/local/bin/{0}"
)
# Package managers that Debian has not, or too old: what a line's `setup` does for each.
MANAGERS = {
    "pnpm": "npm install --global --no-fund pnpm@10",
    "yarn": "npm install --global --no-fund yarn@1",
    "bun": "npm install --global --no-fund bun@1",
    "uv": _BY_VENV.format("uv"),
    "poetry": _BY_VENV.format("poetry"),
}

# What a need for Node is told by, also of an application of another kind: its assets.
BY_NODE = {"Node", "pnpm", "yarn", "bun"}


def _said(file: Path) -> dict[str, Any]:
    try:
        found = yaml.safe_load(file.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"cannot read the base image's file {file}: {error}") from error
    if not isinstance(found, dict):
        raise InputError(f"{file}: expected the keys of a line's `base`, such as packages")
    return found


def line_for(
    kind: str,
    test_services: Sequence[str],
    file: Path | None,
    needs: Sequence[str] = (),
    *,
    lock: str = "",
) -> BaseSpec:
    """What the application's kind needs, with the services that its tests start there and the
    package managers among `needs`; or what a file says, as `base` in prefect.yaml does. `lock`: the
    lock file of gems, if there is one.

    Raises:
        InputError: what is wrong with the file.
    """
    own = OWN_GEMS if lock and kind in {"Rails", "Rack"} else LINES.get(kind, {})
    given = _said(file) if file else _with(own, test_services, needs)
    try:
        return BaseSpec.model_validate(given)
    except ValidationError as error:
        raise InputError(
            f"no base image can be made from {file or given}: {error}; `--base FILE` names another"
        ) from error


def _with(
    line: dict[str, Any], test_services: Sequence[str], needs: Sequence[str]
) -> dict[str, Any]:
    given = dict(line)
    packages = [SERVICES[one] for one in sorted(test_services)]
    if {*needs} & BY_NODE and line.get("name") != "node":
        packages += ["nodejs", "npm"]
    setup = [MANAGERS[one] for one in sorted({*needs} & MANAGERS.keys())]
    if given:
        given["packages"] = [*given["packages"], *packages]
    elif packages:
        # The default line's own packages stay; what is set up may need these.
        setup.insert(0, f"apt-get install -qy --no-install-recommends {' '.join(packages)}")
    return {**given, "setup": "\n".join(setup)} if setup else given


def key_of(base: BaseSpec) -> str:
    """Stands for what such a base image is made from: one that was kept is used again. The demo's
    is the same as any other of the default line."""
    if base == BaseSpec():
        return base_key()
    said = digest_of(json.loads(base.model_dump_json()))
    return f"{digest_of_files(ROOT, BASE_FILES)} {said}"


def pretend(box: Sandbox, test_services: Sequence[str]) -> None:
    """What simulated machines install is nothing: their base image says that it has the services
    of the tests."""
    packages = [f"{SERVICES[one]}=1" for one in sorted(test_services)]
    box.script(packages=["ruby=1:3.1", "stand-in=1", *packages])


def ensure(box: Sandbox, base: BaseSpec, say: Callable[[str], None]) -> None:
    """Bake it, unless it was kept; keep it for next time."""
    own = own_images(client(box, "ec2"))
    if any(image["Name"].startswith(base.name) for image in own):
        return
    say(f"baking the base image {base.name} once (a minute or two) ...")
    # It imports Prefect, which takes seconds: only when it is needed.
    from rehearsal.base import bake_first

    box.keep(bake_first(box, base), key_of(base))
