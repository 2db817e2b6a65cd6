"""Database: whether it is on the server's own disk, and which of an application's files tells."""

import re
from collections.abc import Iterator
from typing import Any

import yaml

from spotkiln.bake.tree import Tree

RAILS = "config/database.yml"
# What else settings of Django may take their database from.
_ELSEWHERE = re.compile(
    r"dj_database_url|DATABASE_URL|env\.db\(|backends\.(?:postgresql|mysql|oracle)|postgis"
)
_SQLITE = re.compile(
    r"django\.db\.backends\.sqlite3|django\.contrib\.gis\.db\.backends\.spatialite"
)


def _adapters(found: Any) -> Iterator[str]:
    """Of a database, or of several by name. One that an address names may be anything."""
    if not isinstance(found, dict):
        return
    if "url" in found:
        yield "url"
    elif "adapter" in found:
        yield str(found["adapter"])
    else:
        for one in found.values():
            yield from _adapters(one)


def rails_on_sqlite(tree: Tree) -> str:
    """The reason; empty if production's database is, or may be, elsewhere."""
    # What Ruby puts in is a value: which one does not matter here.
    lines = (re.sub(r"<%=.*?%>", "ruby", one) for one in tree.text(RAILS).splitlines())
    text = "\n".join(one for one in lines if not one.lstrip().startswith("<%"))
    try:
        read = yaml.safe_load(text)
    except yaml.YAMLError:
        return ""
    production = read.get("production") if isinstance(read, dict) else None
    found = set(_adapters(production))
    return (
        f"{RAILS}: production is on sqlite3, on the server's disk" if found == {"sqlite3"} else ""
    )


def django_on_sqlite(tree: Tree) -> str:
    """The reason; empty if the database is, or may be, elsewhere."""
    settings = {
        name: text
        for name, text in sorted(tree.texts.items())
        if re.fullmatch(r"(.*/)?settings(/\w+)?\.py", name)
    }
    if any(_ELSEWHERE.search(text) for text in settings.values()):
        return ""
    name = next((name for name, text in settings.items() if _SQLITE.search(text)), "")
    return f"{name}: the database is SQLite, on the server's disk" if name else ""
