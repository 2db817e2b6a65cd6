"""Locked: which versions a lock file names. What cannot be read names none."""

import json
import re
import tomllib
from collections.abc import Callable, Iterable
from typing import Any

import yaml

# `    rack (3.1.8)`, four blanks deep; what it needs itself is six blanks deep.
GEM = re.compile(r"^ {4}([\w.-]+) \(([^)]+)\)$", re.MULTILINE)
PINNED = re.compile(r"^([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?\s*===?\s*([^\s;#\\]+)", re.MULTILINE)
# Yarn's own form: `rack@^1.0, rack@^1.2:`, and its version below.
YARN = re.compile(r'^"?(@?[^@\s"]+)@[^\n]*:\n {2}version:? "?([^"\n]+)"?', re.MULTILINE)
PNPM = re.compile(r"^/?(@?[^@/]+(?:/[^@/]+)?)[@/]([^(_]+)")
TOP = "node_modules/"


def _pairs(found: Iterable[tuple[str, str]]) -> dict[str, str]:
    """One that is locked in several versions has all of them."""
    versions: dict[str, list[str]] = {}
    for name, version in found:
        if version not in versions.setdefault(name, []):
            versions[name].append(version)
    return {name: ", ".join(sorted(those)) for name, those in versions.items()}


def _gems(text: str) -> dict[str, str]:
    return _pairs(GEM.findall(text))


def _npm(text: str) -> dict[str, str]:
    packages = json.loads(text).get("packages") or {}
    return _pairs(
        (path.rpartition(TOP)[2], str(one["version"]))
        for path, one in packages.items()
        if TOP in path and "version" in one
    )


def _pnpm(text: str) -> dict[str, str]:
    packages = (yaml.safe_load(text) or {}).get("packages") or {}
    return _pairs((one[1], one[2]) for path in packages if (one := PNPM.match(str(path))))


def _python(text: str) -> dict[str, str]:
    packages: list[dict[str, Any]] = tomllib.loads(text).get("package", [])
    return _pairs((one["name"], str(one["version"])) for one in packages if "version" in one)


def _pipfile(text: str) -> dict[str, str]:
    packages = json.loads(text).get("default") or {}
    return _pairs((name, str(one.get("version", "")).lstrip("=")) for name, one in packages.items())


READERS: dict[str, Callable[[str], dict[str, str]]] = {
    "Gemfile.lock": _gems,
    "package-lock.json": _npm,
    "npm-shrinkwrap.json": _npm,
    "yarn.lock": lambda text: _pairs(YARN.findall(text)),
    "pnpm-lock.yaml": _pnpm,
    "poetry.lock": _python,
    "uv.lock": _python,
    "pdm.lock": _python,
    "Pipfile.lock": _pipfile,
    "requirements.txt": lambda text: _pairs(PINNED.findall(text)),
}


def locked(path: str, text: str) -> dict[str, str]:
    """Versions by name."""
    try:
        return READERS[path.rpartition("/")[2]](text)
    except (ValueError, KeyError, AttributeError, TypeError, yaml.YAMLError):
        return {}
