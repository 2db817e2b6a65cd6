"""Migration: whether a release migrates before it asks for servers, and what is told of it."""

from collections.abc import Iterable

from spotkiln.bake.app import App
from spotkiln.bake.image import Image
from spotkiln.bake.migrations import Between, Migrations, compare
from spotkiln.bake.reuse import Reuse
from spotkiln.noun import Noun

ONCE = "once, before servers are asked for"
EACH = "each server migrates before it starts"


class Migration(Noun):
    """What a release does about the database. `once`: it migrates before servers are asked for.
    `why` is for people; empty if the application has no migration. `new` are those that what
    serves does not have; None if neither image tells any."""

    once: bool = False
    why: str = ""
    new: Between | None = None

    def __str__(self) -> str:
        """Empty if there is nothing to tell."""
        if not self.why or self.new is None:
            return self.why
        return f"{self.why}; new: {self.new or 'none'}"


def _new(serving: Image | None, own: Migrations | None) -> Between | None:
    """Where nothing serves, all of the image's own are new."""
    if serving is None:
        return compare(Migrations.of(()), own) if own else None
    return compare(serving.migrations, own)


def choose_migration(
    app: App, image: Image, serving: Image | None, group: str, *, force: bool
) -> Migration:
    """`serving` is the image of what serves the target group of that name now.

    An image that has served there before does not migrate again, unless `force`: nothing migrates
    back, so all of its migrations are done. Any other does, a rebuild of the same commit too: its
    command may do more than what the files tell.
    """
    if not app.migrate:
        return Migration()
    new = _new(serving, image.migrations)
    if not app.migrates_once:
        return Migration(why=EACH, new=new)
    if group in image.served and not force:
        return Migration(why=f"not migrated: {image.id} has served {group} before", new=new)
    return Migration(once=True, why=ONCE, new=new)


def plan_migration(
    app: App, names: Iterable[str], found: Reuse, group: str, *, force: bool
) -> Migration:
    """What a release would do: as `choose_migration`, where the image may not be there yet. `names`
    are the commit's migrations."""
    if found.image:
        return choose_migration(app, found.image, found.serving, group, force=force)
    if not app.migrate:
        return Migration()
    new = _new(found.serving, Migrations.of(names))
    return Migration(once=app.migrates_once, why=ONCE if app.migrates_once else EACH, new=new)


def of_rollback(between: Between | None) -> str:
    """What is told of a way back; empty if neither image tells of migrations."""
    if between is None:
        return ""
    if not between:
        return "not migrated back: no migration lies between"
    return f"not migrated back: the database keeps what this version does not know: {between}"
