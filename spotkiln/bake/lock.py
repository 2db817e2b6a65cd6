"""Lock: the files of a commit that its dependencies are made from, and nothing else of it."""

import os
from collections.abc import Iterable, Sequence

from spotkiln.bake.worktree import Entry
from spotkiln.errors import InputError


def locked(entries: Iterable[Entry], folder: str, lock: Sequence[str], called: str) -> list[Entry]:
    """Those of a commit's files that `lock` names: from the application's `folder`, or with a slash
    before it from the repository's top. `called` is what the commit is called in errors.

    Raises:
        InputError: something that it names is not released.
    """
    everything = list(entries)
    found: dict[bytes, Entry] = {}
    for path in lock:
        whole = path[1:] if path.startswith("/") else f"{folder}/{path}" if folder else path
        name = os.fsencode(whole)
        named = [x for x in everything if x.path == name or x.path.startswith(name + b"/")]
        if not named:
            outside = f" or is not released with {folder}: name it in depends_on" * bool(folder)
            raise InputError(
                f"{called} has no {whole}, which lock names{outside}; name files and folders that "
                "`dependencies` needs"
            )
        found |= {one.path: one for one in named}
    return [found[path] for path in sorted(found)]
