"""Project: what a Python application asks for, and by which file."""

import posixpath
import re
import tomllib
from typing import Any

from spotkiln.bake.tree import Tree

# Of those that take what tests need.
MORE = (
    "requirements-dev.txt", "requirements-test.txt", "dev-requirements.txt",
    "test-requirements.txt", "requirements-tests.txt", "requirements-local.txt",
    "requirements/dev.txt", "requirements/test.txt", "requirements/tests.txt",
    "requirements/testing.txt", "requirements/development.txt", "requirements/local.txt",
)  # fmt: skip
# Of those that take what serves; the ones in a folder, if no pyproject.toml names the packages.
PINNED = (
    "requirements.txt", "requirements/production.txt", "requirements/prod.txt",
    "requirements/base.txt",
)  # fmt: skip
# The name of a package before its extras, its version or its marker.
_NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")


def _names(lines: list[str]) -> set[str]:
    found = (_NAME.match(line) for line in lines if not line.lstrip().startswith(("#", "-")))
    return {re.sub(r"[._-]+", "-", one[1]).lower() for one in found if one}


def _included(tree: Tree, path: str, known: tuple[str, ...] = ()) -> tuple[str, ...]:
    """A file of requirements, and those that it takes in by `-r`, each once."""
    if path in known or path not in tree.names:
        return known
    known = (*known, path)
    for name in re.findall(r"^\s*(?:-r|--requirement)[\s=]+(\S+)", tree.text(path), re.MULTILINE):
        known = _included(
            tree, posixpath.normpath(posixpath.join(posixpath.dirname(path), name)), known
        )
    return known


def _required(tree: Tree, path: str) -> dict[str, str]:
    """The packages of a file of requirements, each with the file that names it."""
    found: dict[str, str] = {}
    for one in _included(tree, path):
        for name in _names(tree.text(one).splitlines()):
            found.setdefault(name, one)
    return found


def _lists(data: dict[str, Any]) -> dict[str, list[str]]:
    """The lists of a table, as far as they are text."""
    return {
        key: [one for one in value if isinstance(one, str)]
        for key, value in data.items()
        if isinstance(value, list) and re.fullmatch(r"[A-Za-z0-9._-]*", key)
    }


class Project:
    """What is asked for, and by which file."""

    def __init__(self, tree: Tree) -> None:
        try:
            data: dict[str, Any] = tomllib.loads(tree.text("pyproject.toml"))
        except tomllib.TOMLDecodeError:
            data = {}
        self.tree = tree
        project, tool = _table(data, "project"), _table(data, "tool")
        poetry = _table(tool, "poetry")
        self.requires = str(project.get("requires-python") or "")
        # What serves, and what tests need as well.
        self.by: dict[str, str] = {}
        self.for_tests: dict[str, str] = {}
        uv = {"dev": _table(tool, "uv").get("dev-dependencies")}
        self.groups = _lists({**uv, **_table(data, "dependency-groups")})
        self.extras = _lists(_table(project, "optional-dependencies"))
        own = _lists({"": project.get("dependencies")}).get("", [])
        self.own = _names(own)
        self.by |= dict.fromkeys(self.own, "pyproject.toml")
        self.by |= _asked(poetry, "dependencies")
        self.for_tests |= _asked(poetry, "dev-dependencies")
        for group in _table(poetry, "group").values():
            self.for_tests |= _asked(group, "dependencies") if isinstance(group, dict) else {}
        for listed in (*self.groups.values(), *self.extras.values()):
            self.for_tests |= dict.fromkeys(_names(listed), "pyproject.toml")
        if "python" in self.by:
            asked = _table(poetry, "dependencies").get("python")
            self.requires = self.requires or (asked if isinstance(asked, str) else "")
        # What pip, uv or Poetry can install as it is.
        self.is_package = bool(project or poetry or tree.has("setup.py", "setup.cfg"))
        self.pinned_file = tree.has(*(PINNED[:1] if self.is_package else PINNED))
        locked = tree.has("uv.lock", "poetry.lock")
        self.installed = poetry.get("package-mode") is not False and (
            "build-system" in data if locked else not self.pinned_file
        )
        self.pinned = _required(tree, self.pinned_file)
        for name, path in self.pinned.items():
            self.by.setdefault(name, path)
        self.more_file = tree.has(*MORE) if self.pinned_file else ""
        self.more = _required(tree, self.more_file)
        self.for_tests |= {**self.more, **self.by}

    def has(self, *names: str) -> str:
        """The first of these that is asked for, as a reason; empty if none is."""
        return next((f"{self.by[one]} has {one}" for one in names if one in self.by), "")

    def tester(self, *names: str) -> str:
        """As `has`, among what tests need as well."""
        found = (f"{self.for_tests[one]} has {one}" for one in names if one in self.for_tests)
        return next(found, "")

    def named_in(self, names: tuple[str, ...], lists: dict[str, list[str]]) -> str:
        """The first of these lists that has one of the packages; empty if none has."""
        return next((key for key, one in lists.items() if _names(one) & {*names}), "")


def _asked(data: dict[str, Any], key: str) -> dict[str, str]:
    return {str(name).lower(): "pyproject.toml" for name in _table(data, key)}


def _table(data: dict[str, Any], key: str) -> dict[str, Any]:
    found = data.get(key)
    return found if isinstance(found, dict) else {}
