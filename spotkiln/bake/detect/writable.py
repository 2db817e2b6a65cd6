"""Which folders an application writes to when it runs, as far as its kind and its files tell."""

import re

from spotkiln.bake.detect.detected import Finding
from spotkiln.bake.tree import Tree

# Nobody puts a program's own files below these names.
CUSTOMARY = ("log", "logs", "tmp", "storage", "uploads", "media")
# What a kind writes to although no commit has it. Rails 6 to 8 as generated: SQLite, its schema,
# logs, uploads, pid file, caches.
RAILS = ("db", "log", "storage", "tmp", "tmp/cache", "tmp/pids")
BY_KIND = {"Django": ("media",), "Rails": RAILS}
NEXT = re.compile(r'"next"\s*:')


def writable(kind: str, tree: Tree) -> Finding | None:
    """None for what is of no known kind, or writes nowhere."""
    if not kind:
        return None
    there = {name.split("/")[0] for name in tree.names if "/" in name}
    folders = {one for one in CUSTOMARY if one in there} | set(BY_KIND.get(kind, ()))
    if kind == "Node" and NEXT.search(tree.text("package.json")):
        folders.add(".next/cache")
    if not folders:
        return None
    why = f"{kind}, and the folders that are there"
    return Finding(key="writable", value=tuple(sorted(folders)), why=why)
