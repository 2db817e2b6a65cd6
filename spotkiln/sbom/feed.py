"""Fetches published data to a file of this machine, and says when it was published."""

import hashlib
import json
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx

from spotkiln.errors import InfrastructureError
from spotkiln.noun import Noun

# An export may be large, and a release waits for it.
SECONDS, CONNECT_SECONDS = 120.0, 10.0
MOST_BYTES = 2 * 1024**3


class Fetched(Noun):
    """`of` is when it was published, in UTC; None if nobody tells. `trouble`: it is what was
    fetched earlier, for it could not be fetched now."""

    file: Path
    of: datetime | None = None
    trouble: str = ""


class Noted(Noun):
    """What is kept beside a file: by what its publisher tells whether it has changed."""

    etag: str = ""
    modified: str = ""

    @property
    def of(self) -> datetime | None:
        try:
            return parsedate_to_datetime(self.modified).astimezone(UTC)
        except ValueError:
            return None


def fetch(place: str, folder: Path) -> Fetched:
    """A file, or what an address answers; `folder` keeps that, so that it is fetched again only
    when it has changed.

    Raises:
        InfrastructureError: it cannot be had, and was never before.
    """
    if place.startswith("/"):
        return _local(Path(place))
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = folder / hashlib.sha256(place.encode()).hexdigest()[:32]
    noted = _read_note(file)
    try:
        noted = _ask(place, file, noted if file.is_file() else Noted())
    except (httpx.HTTPError, OSError, InfrastructureError) as error:
        where = httpx.URL(place).host
        said = str(error) if isinstance(error, InfrastructureError) else type(error).__name__
        trouble = f"{where} could not be asked ({said})"
        if not file.is_file():
            raise InfrastructureError(trouble) from None
        return Fetched(file=file, of=noted.of, trouble=f"{trouble}, so it is of then")
    return Fetched(file=file, of=noted.of)


def _local(file: Path) -> Fetched:
    try:
        changed = file.stat().st_mtime
    except OSError as error:
        raise InfrastructureError(f"{file}: {error.strerror}") from None
    return Fetched(file=file, of=datetime.fromtimestamp(changed, UTC))


def _note(file: Path) -> Path:
    return file.with_suffix(".json")


def _read_note(file: Path) -> Noted:
    try:
        return Noted.model_validate(json.loads(_note(file).read_text()))
    except (OSError, ValueError):
        return Noted()


def _ask(place: str, file: Path, noted: Noted) -> Noted:
    told = {"if-none-match": noted.etag, "if-modified-since": noted.modified}
    headers = {"user-agent": "spotkiln", **{key: value for key, value in told.items() if value}}
    timeout = httpx.Timeout(SECONDS, connect=CONNECT_SECONDS)
    with httpx.stream(
        "GET", place, headers=headers, timeout=timeout, follow_redirects=True
    ) as answer:
        if answer.status_code == httpx.codes.NOT_MODIFIED:
            return noted
        if answer.status_code != httpx.codes.OK:
            raise InfrastructureError(f"it answered {answer.status_code}")
        # Whole or not at all: two releases may fetch it at a time.
        part = file.with_suffix(f".{datetime.now(UTC).timestamp()}")
        try:
            _save(answer, part)
            part.replace(file)
        finally:
            part.unlink(missing_ok=True)
        found = Noted(
            etag=answer.headers.get("etag", ""), modified=answer.headers.get("last-modified", "")
        )
    _note(file).write_text(found.model_dump_json())
    return found


def _save(answer: httpx.Response, part: Path) -> None:
    size = 0
    with part.open("wb") as file:
        for piece in answer.iter_bytes():
            size += len(piece)
            if size > MOST_BYTES:
                raise InfrastructureError(f"it is larger than {MOST_BYTES} bytes")
            file.write(piece)
