"""Program: what `spotkiln rehearse` becomes; its argument is its options as JSON.

Ends with 0 if no scene failed, 1 if one did, 2 for bad input, 130 when interrupted.
"""

from contextlib import suppress
from functools import partial
from pathlib import Path

from rehearsal import asked as asking
from rehearsal.advice import advise
from rehearsal.asked import Asked, Subject
from rehearsal.leash import leash, with_log
from rehearsal.page import page, rows, summary
from rehearsal.prefect_local import BUILD
from rehearsal.rehearse import rehearse
from rehearsal.seen import Seen, written
from rehearsal.stage import BREAKS
from rehearsal.veil import veiled, veiled_in
from rehearsal.world import Say
from sandbox.client import SandboxError
from spotkiln.cli.output import Exit, columns, show, tell
from spotkiln.errors import InputError

FOLDER = ".spotkiln"
FILE = "rehearsal.md"


def _place_for_page(asked: Asked, subject: Subject) -> Path:
    """Beside the settings, in a folder that git is told to leave alone."""
    if asked.page is not None:
        return asked.page
    folder = subject.place.path / FOLDER
    with suppress(OSError):  # then the page cannot be written either, and that is told
        folder.mkdir(exist_ok=True)
    _hide(folder)
    return folder / FILE


def _hide(folder: Path) -> None:
    """From git: settings are in it, and they may be secrets."""
    ignored = folder / ".gitignore"
    with suppress(OSError):
        if folder.is_dir() and not ignored.exists():
            ignored.write_text("*\n")


def _tell(asked: Asked, seen: Seen, file: Path, hidden: list[str]) -> None:
    try:
        file.write_text(veiled(page(seen), hidden))
    except OSError as error:
        tell(f"spotkiln: the page could not be written: {error}", aside=True)
    clear = partial(veiled, values=hidden)
    told = [tuple(clear(cell) for cell in row) for row in rows(seen)]
    found = advise(seen)
    changes = "\n".join(
        f"  {clear(one.why)}" + (f"\n      {one.file}: {one.lines}" if one.lines else "")
        for one in found
    )
    table = columns(["SCENE", "END", "TIME", "FAILED REQUESTS", ""], told)
    advice = f"\nwhat to change:\n{changes}" if found else "\nnothing to change was found"
    end = f"\n{clear(summary(seen))}\npage: {file}"
    plain = [one.model_dump(mode="json") for one in found]
    # Each file by its name would be most of it.
    plainly = seen.model_dump(mode="json", exclude={"servers": {"__all__": {"wrote"}}})
    wrote = {where: one._asdict() for where, one in written(seen).items()}
    more = {"advice": plain, "written": wrote, "page": str(file)}
    answer = veiled_in({**plainly, **more}, hidden)
    show(answer, "", table, advice, end, as_json=asked.as_json)


def _rehearse(asked: Asked, subject: Subject, home: Path, say: Say) -> tuple[Seen, list[str]]:
    try:
        return rehearse(asked, subject, home, say)
    except (SandboxError, RuntimeError) as error:
        raise RuntimeError(with_log(str(error), home)) from error


def main(arguments: list[str]) -> int:
    asked = Asked.model_validate_json(arguments[0])
    say = partial(tell, aside=asked.as_json)
    try:
        subject = asking.read(asked)
        asking.require_machines(asked.machines)
        _hide(subject.place.path / FOLDER)
        home = asking.home_of(subject.place.path, BUILD)
        with leash(home):
            seen, hidden = _rehearse(asked, subject, home, say)
            # Before the last of it is removed: should that fail, the page is there.
            _tell(asked, seen, _place_for_page(asked, subject), hidden)
    except InputError as error:
        tell(f"spotkiln: {error}", aside=True)
        return Exit.USAGE
    except BREAKS as error:
        tell(f"spotkiln: the rehearsal broke off: {error}", aside=True)
        return Exit.FAILED
    return Exit.FAILED if seen.failed else Exit.OK
