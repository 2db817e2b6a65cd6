"""Entry: which file has the application object of a Python application."""

import re

from spotkiln.bake.tree import Tree
from spotkiln.noun import Noun

NOT_THE_APPLICATION = ("tests/", "test/", "docs/", "examples/", "scripts/", "manage.py")
_OF_ASGI, _OF_WSGI = "FastAPI|Starlette|Litestar|Quart", "Flask|Bottle|App|API"
_NAMED = r"^(\w+)(?:\s*:\s*[\w.]+)?\s*=\s*(?:\w+\.)*"
_MADE = re.compile(
    rf"{_NAMED}(?:create|make|build|get)_(?:\w+_)?(?:app|application)\(", re.MULTILINE
)
_MAKES = re.compile(r"^def create_app\(", re.MULTILINE)
_OF_SRC = re.compile(r"^\s*(?:from|import)\s+src\b", re.MULTILINE)


class Entry(Noun):
    """`module` is what servers are given, such as shop.main:app; `before` what stands before the
    command, so that Python finds it."""

    module: str
    path: str
    before: str = ""


def _object(text: str, *, asgi: bool) -> str:
    """The object's name, or the call that makes it; empty if there is none."""
    frameworks = _OF_ASGI if asgi else _OF_WSGI
    found = re.search(rf"{_NAMED}(?:{frameworks})\(", text, re.MULTILINE) or _MADE.search(text)
    if found:
        return found[1]
    return "create_app()" if _MAKES.search(text) else ""


def find_entry(tree: Tree, *, asgi: bool, installed: bool) -> Entry | None:
    """`installed` says that the build makes a package of the application itself."""
    for path in sorted(tree.texts, key=lambda one: (one.count("/"), one)):
        if not path.endswith(".py") or path.startswith(NOT_THE_APPLICATION):
            continue
        text = tree.texts[path]
        name = _object(text, asgi=asgi)
        if not name or path.endswith("celery.py"):
            continue
        below, before = path, ""
        if path.startswith("src/") and not _OF_SRC.search(text):
            below = path.removeprefix("src/")
            before = "" if installed and "/" in below else "PYTHONPATH=src "
        module = below.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        return Entry(module=f"{module}:{name}", path=path, before=before)
    return None
