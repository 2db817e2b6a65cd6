"""Folders: where in an image an application is, where its home is, and where it writes.

What it writes to is in its state folder, and stands at its place in the application's folder as a
bind mount of its units. What was in such a folder when the image was made is copied there.
"""

from collections.abc import Iterable

from spotkiln.bake.app import App

# Below the state folder: what the application writes to, and what its migration alone does.
WRITABLE, MIGRATION = "writable", "migration"


def place_of(app: App) -> str:
    """Where the application is. Read-only when it runs."""
    return f"/srv/{app.name}/{app.folder}" if app.folder else f"/srv/{app.name}"


def state_of(app: App) -> str:
    """Its state folder, and its user's HOME: when it is built, and when it runs."""
    return f"/var/lib/{app.name}"


def outermost(paths: Iterable[str]) -> list[str]:
    """Those that are in no other one of them, sorted."""
    every = {*paths}
    return sorted(
        path for path in every if not any(path.startswith(f"{other}/") for other in every)
    )


def written_by_all(app: App) -> list[str]:
    return outermost((*app.writable, *app.mounts))


def mounted(app: App) -> list[str]:
    """Where the folders are, when it runs, that have file systems of their own."""
    return [f"{state_of(app)}/{WRITABLE}/{path}" for path in sorted(app.mounts)]


def written_by_migration(app: App) -> list[str]:
    """What the migration alone writes to. A folder that all write to is theirs together."""
    own = outermost(app.migrate_writable)
    shared = written_by_all(app)
    return [path for path in own if outermost((*shared, path)) != shared]


def states(app: App) -> list[str]:
    """All of these, from the state folder: `writable/tmp`, `migration/db`."""
    return [
        *(f"{WRITABLE}/{path}" for path in written_by_all(app)),
        *(f"{MIGRATION}/{path}" for path in written_by_migration(app)),
    ]


def bound(app: App, *, migrates: bool = False) -> list[str]:
    """What a unit of the application has as its BindPaths=, outer ones first."""
    found = dict.fromkeys(written_by_all(app), WRITABLE)
    if migrates:
        found |= dict.fromkeys(written_by_migration(app), MIGRATION)
    return [
        f"{state_of(app)}/{kind}/{path}:{place_of(app)}/{path}"
        for path, kind in sorted(found.items())
    ]
