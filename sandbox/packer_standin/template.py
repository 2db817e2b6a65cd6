"""Reads what the stand-in needs of a template, and the variables given to it."""

import json
import re
import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_SOURCE = re.compile(r'^\s*source\s+"(amazon-ebs|amazon-ebsvolume)"\s+"([\w-]+)"', re.MULTILINE)
_VARIABLE = re.compile(r'^variable\s+"(\w+)"\s*{(.*?)^}', re.MULTILINE | re.DOTALL)
_DEFAULT = re.compile(r'^\s*default\s*=\s*(".*?"|[\w.]+)\s*$', re.MULTILINE)


class TemplateError(Exception):
    pass


@dataclass
class Template:
    builder: str  # amazon-ebs | amazon-ebsvolume
    name: str
    variables: dict[str, Any] = field(default_factory=dict)

    @property
    def full_name(self) -> str:
        return f"{self.builder}.{self.name}"

    def value(self, name: str) -> Any:
        return self.variables.get(name)

    def text(self, name: str, default: str = "") -> str:
        value = self.variables.get(name)
        return default if value is None else str(value)


def read(path: Path, files: list[Path], given: list[str]) -> Template:
    """files: -var-file. given: -var NAME=VALUE. Raises TemplateError where Packer would fail."""
    try:
        content = path.read_text()
    except OSError as error:
        raise TemplateError(f"{path}: {error}") from None
    source = _SOURCE.search(content)
    if source is None:
        raise TemplateError(
            f"{path}: the stand-in knows amazon-ebs and amazon-ebsvolume, found no such source"
        )
    return Template(source.group(1), source.group(2), _variables(path, content, files, given))


def _variables(path: Path, content: str, files: list[Path], given: list[str]) -> dict[str, Any]:
    declared = {name: _default(body) for name, body in _VARIABLE.findall(content)}
    variables = {name: value for name, value in declared.items() if value is not None}
    for file in files:
        variables |= json.loads(file.read_text())
    for one in given:
        name, _, value = one.partition("=")
        if name not in declared:
            raise TemplateError(f'A "{name}" variable was passed but was not found in {path}.')
        variables[name] = value
    missing = [
        name
        for name, body in _VARIABLE.findall(content)
        if name not in variables and "default" not in body
    ]
    if missing:
        raise TemplateError(f"Unset variable {missing[0]!r}: it has no default in {path}.")
    return variables


def _default(body: str) -> Any:
    """Texts and words; lists and maps are not read. None if the variable has no default."""
    found = _DEFAULT.search(body)
    if found is None:
        return None
    value = found.group(1)
    return json.loads(value) if value.startswith('"') else value


def behaviour(archive: Path) -> dict[str, Any]:
    """What `.sandbox.json` in the application's archive says. Empty if there is no such file."""
    with tarfile.open(archive) as tar:
        for name in (".sandbox.json", "./.sandbox.json"):
            try:
                file = tar.extractfile(name)
            except KeyError:
                continue
            if file is not None:
                return dict(json.loads(file.read()))
    return {}
