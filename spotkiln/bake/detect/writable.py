"""Which folders an application writes to when it runs, as far as its kind and its files tell."""

import re
from collections.abc import Iterator

from spotkiln.bake.detect.detected import Finding
from spotkiln.bake.tree import Tree

# Nobody puts a program's own files below these names.
CUSTOMARY = ("log", "logs", "tmp", "storage", "uploads", "media", "public/uploads")
# What Rails 6 to 8 write to as they were generated, although no commit has all of it: logs, Active
# Storage's disk and SQLite, the pid file, caches.
RAILS = ("log", "storage", "tmp", "tmp/cache", "tmp/pids")
NEXT = re.compile(r'"next"\s*:')
# Of config/database.yml, where it names a file and no server's database.
SQLITE_IN = re.compile(r"^\s*database:\s*['\"]?([\w-]+)/[\w./-]+", re.MULTILINE)
# Of Django's settings: a file or folder that is put together below BASE_DIR.
MEDIA = re.compile(r"^\s*MEDIA_ROOT\s*(?::[^=]+)?=\s*(.+)$", re.MULTILINE)
SQLITE = re.compile(r"['\"]NAME['\"]\s*:\s*(.+\.(?:sqlite3?|db)\b.*)$", re.MULTILINE)
QUOTED = re.compile(r"['\"]([^'\"]+)['\"]")


def _rails(tree: Tree) -> tuple[set[str], list[str]]:
    text = tree.text("config/database.yml")
    if "sqlite3" not in text:
        return {*RAILS}, []
    found = {one[1] for one in SQLITE_IN.finditer(text)}
    return {*RAILS, *found}, [f"config/database.yml has SQLite in {one}" for one in sorted(found)]


def _below(expression: str) -> list[str]:
    """The names that an expression of Python puts below BASE_DIR; none if it does not."""
    # What stands before it may be the name of a variable.
    _, base, below = expression.partition("BASE_DIR")
    names = [part for one in QUOTED.findall(below) for part in one.split("/")]
    return names if base and all(names) and not below.startswith(".parent") else []


def _django(tree: Tree) -> tuple[set[str], list[str]]:
    settings = "\n".join(text for name, text in sorted(tree.texts.items()) if "settings" in name)
    folders, whys = set(), []
    media = [found for one in MEDIA.finditer(settings) if (found := _below(one[1]))]
    if media:
        folders.add("/".join(media[-1]))
        whys.append("settings have MEDIA_ROOT")
    elif not MEDIA.search(settings):
        folders.add("media")
    for one in SQLITE.finditer(settings):
        *above, file = _below(one[1]) or [""]
        if above:
            folders.add("/".join(above))
            whys.append(f"settings have SQLite in {'/'.join(above)}")
        elif file:
            whys.append(
                f"settings have SQLite at the top ({file}), which stays read-only: give it a folder"
            )
    return folders, whys


def _written(kind: str, tree: Tree) -> Finding | None:
    there = {"/".join(name.split("/")[:depth]) for name in tree.names for depth in (1, 2)}
    folders = {one for one in CUSTOMARY if one in there - tree.names}
    whys = [f"{kind}, and the folders that are there"]
    if kind == "Rails":
        more, reasons = _rails(tree)
    elif kind == "Django":
        more, reasons = _django(tree)
    else:
        next_ = kind == "Node" and NEXT.search(tree.text("package.json"))
        more, reasons = ({".next/cache"}, ["package.json has next"]) if next_ else (set(), [])
    folders |= more
    if not folders:
        return None
    return Finding(key="writable", value=tuple(sorted(folders)), why="; ".join(whys + reasons))


def _written_by_migration(kind: str, tree: Tree, written: Finding | None) -> Finding | None:
    """Rails writes down what the database is like after each migration that does not run in
    production, and so fails where it cannot."""
    if kind != "Rails" or not any(name.startswith("db/") for name in tree.names):
        return None
    if written and "db" in written.value:
        return None
    why = "Rails: db:migrate writes db/schema.rb"
    return Finding(key="migrate_writable", value=("db",), why=why)


def written_folders(kind: str, tree: Tree) -> Iterator[Finding]:
    """Nothing for what is of no known kind, or writes nowhere."""
    written = _written(kind, tree) if kind else None
    yield from filter(None, (written, _written_by_migration(kind, tree, written)))
