"""What the modules of this repository import."""

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

from tests.unit.nouns import ROOT


def modules(*folders: str, but: Sequence[str] = ()) -> list[Path]:
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    left_out = {ROOT / one for one in but}
    kept = [path for path in found if left_out.isdisjoint(path.parents)]
    assert kept
    return kept


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def of_each(paths: Sequence[Path]) -> Callable[[Callable[[Path], None]], Callable[[], None]]:
    """One test for all of them, which tells all that are wrong: as thousands of tests, each would
    cost more to collect and to report than to run."""

    def decorate(check: Callable[[Path], None]) -> Callable[[], None]:
        def test() -> None:
            wrong = {}
            for path in paths:
                try:
                    check(path)
                except AssertionError as error:
                    wrong[name_of(path)] = str(error)
            assert wrong == {}

        test.__name__, test.__doc__ = check.__name__, check.__doc__
        return test

    return decorate


def statements(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """With those inside of them. What is in expressions is most of a file, and imports nothing."""
    for one in body:
        yield one
        for name in ("body", "handlers", "orelse", "finalbody", "cases"):
            yield from statements(getattr(one, name, ()))


@cache
def imports(path: Path) -> tuple[ast.Import | ast.ImportFrom, ...]:
    """Inside functions and for type checkers too."""
    found = statements(ast.parse(path.read_text()).body)
    return tuple(one for one in found if isinstance(one, ast.Import | ast.ImportFrom))


@cache
def imported(path: Path) -> tuple[str, ...]:
    """All that a file imports. Steps and flows are installed as spotkiln.tasks and spotkiln.flows;
    here they go by the names of their folders."""
    names: list[str] = []
    for node in imports(path):
        if isinstance(node, ast.Import):
            names += (alias.name for alias in node.names)
        else:
            assert node.level == 0, f"{path} imports relatively: the layers are hard to see"
            names.append(node.module or "")
    assert {"tasks", "flows"}.isdisjoint(name.partition(".")[0] for name in names), (
        f"{path}: spotkiln.tasks and spotkiln.flows, or the same file is loaded under two names"
    )
    return tuple(folder_name(name) for name in names)


def taken(path: Path) -> set[str]:
    """`from package import name`, as package.name."""
    return {
        f"{node.module}.{alias.name}"
        for node in imports(path)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def folder_name(module: str) -> str:
    return re.sub(r"^spotkiln\.(?=(tasks|flows)\b)", "", module)


@cache
def modules_imported(path: Path) -> frozenset[str]:
    """The modules of this repository that a file imports, and `from package import module` as the
    module."""
    names = {*imported(path), *taken(path)}
    return frozenset(folder_name(name) for name in names if file_of(name) is not None)


@cache
def file_of(name: str) -> Path | None:
    path = ROOT.joinpath(*name.split("."))
    found = (path.with_suffix(".py"), path / "__init__.py")
    return next((one for one in found if one.is_file()), None)


def tops(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imported(path)}


def loaded_by(names: list[str]) -> set[str]:
    """All modules that importing these loads, in a fresh process."""
    program = "import sys\n" + "".join(f"import {name}\n" for name in names)
    program += "print('\\n'.join(sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return set(result.stdout.split())
