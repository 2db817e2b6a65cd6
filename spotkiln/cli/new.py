"""`new`: a company's own repository. It needs neither a Prefect server nor AWS."""

import re
from collections.abc import Iterator
from pathlib import Path

from spotkiln import __version__
from spotkiln.bake.recipe import ROOT
from spotkiln.cli.output import Exit, show
from spotkiln.errors import InputError

TEMPLATE = ROOT / "template"
# A name that begins with a dot is another one in the template, where tools would heed it.
HIDDEN = "dot-"
NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")


def _place(path: Path) -> Path:
    """What a file of the template is called in the repository."""
    return Path(*(re.sub(f"^{HIDDEN}", ".", part) for part in path.parts))


def files() -> Iterator[tuple[Path, Path]]:
    """Each file of the template, and its path in the repository."""
    todo = [TEMPLATE]
    while todo:
        for one in sorted(todo.pop().iterdir()):
            if one.name == "__pycache__":
                continue
            if one.is_dir():
                todo.append(one)
            else:
                yield one, _place(one.relative_to(TEMPLATE))


def _require_empty(folder: Path) -> None:
    """Nothing of anybody's is written over."""
    try:
        there = sorted(one.name for one in folder.iterdir() if one.name != ".git")
    except FileNotFoundError:
        return
    except NotADirectoryError as error:
        raise InputError(f"expected a folder, got the file {folder}: name another") from error
    if there:
        raise InputError(
            f"expected a new folder or an empty one, {folder} has {', '.join(there[:5])}: name "
            "another, and take over from it what you want"
        )


def new(folder: Path, *, as_json: bool) -> int:
    """Write the repository into `folder`, and say what comes next."""
    name = folder.absolute().name
    if not NAME.fullmatch(name):
        raise InputError(
            f"expected a folder named like acme-platform (small letters, digits, dashes; a letter "
            f"first), got {name!r}"
        )
    _require_empty(folder)
    written = []
    try:
        for source, path in files():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            text = source.read_text().replace("@NAME@", name).replace("@VERSION@", __version__)
            file.write_text(text)
            file.chmod(source.stat().st_mode & 0o755 | 0o644)
            written.append(str(path))
    except OSError as error:
        raise InputError(f"cannot write {folder}: {error}") from error
    answer = {"folder": str(folder), "version": __version__, "files": sorted(written)}
    told = f"wrote {folder}, for spotkiln {__version__}: its README.md begins with the first steps"
    show(answer, told, as_json=as_json)
    return Exit.OK
