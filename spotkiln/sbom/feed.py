"""Fetches published data to a file of this machine, and says when it was published."""

import hashlib
import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx

from spotkiln.errors import InfrastructureError
from spotkiln.noun import Noun

# An export may be large, and a release waits for it.
SECONDS, CONNECT_SECONDS = 120.0, 10.0
MOST_BYTES = 2 * 1024**3
# Enough to tell what a file is. A person waits for that.
START_BYTES, START_SECONDS = 4096, 20.0


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
        trouble = _trouble(place, error)
        if not file.is_file():
            raise InfrastructureError(trouble) from None
        return Fetched(file=file, of=noted.of, trouble=f"{trouble}, so it is of then")
    return Fetched(file=file, of=noted.of)


class Begun(Noun):
    """What begins with `start`, published at `of` in UTC; None if nobody tells."""

    start: bytes
    of: datetime | None = None


def look(place: str) -> Begun:
    """How a file or what an address answers begins. Nothing is kept.

    Raises:
        InfrastructureError: it cannot be had.
    """
    if place.startswith("/"):
        found = _local(Path(place))
        try:
            with found.file.open("rb") as file:
                return Begun(start=file.read(START_BYTES), of=found.of)
        except OSError as error:
            raise InfrastructureError(f"{place}: {error.strerror}") from None
    timeout = httpx.Timeout(START_SECONDS, connect=CONNECT_SECONDS)
    try:
        with _answer(place, {}, timeout) as answer:
            _require_ok(answer)
            start = next(answer.iter_bytes(START_BYTES), b"")
            return Begun(start=start, of=_noted(answer).of)
    except (httpx.HTTPError, InfrastructureError) as error:
        raise InfrastructureError(_trouble(place, error)) from None


def _answer(
    place: str, headers: Mapping[str, str], timeout: httpx.Timeout
) -> AbstractContextManager[httpx.Response]:
    return httpx.stream(
        "GET",
        place,
        headers={"user-agent": "spotkiln", **headers},
        timeout=timeout,
        follow_redirects=True,
    )


def _require_ok(answer: httpx.Response) -> None:
    if answer.status_code != httpx.codes.OK:
        raise InfrastructureError(f"it answered {answer.status_code}")


def _noted(answer: httpx.Response) -> Noted:
    return Noted(
        etag=answer.headers.get("etag", ""), modified=answer.headers.get("last-modified", "")
    )


def _trouble(place: str, error: Exception) -> str:
    said = str(error) if isinstance(error, InfrastructureError) else type(error).__name__
    return f"{httpx.URL(place).host} could not be asked ({said})"


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
    headers = {key: value for key, value in told.items() if value}
    with _answer(place, headers, httpx.Timeout(SECONDS, connect=CONNECT_SECONDS)) as answer:
        if answer.status_code == httpx.codes.NOT_MODIFIED:
            return noted
        _require_ok(answer)
        # Whole or not at all: two releases may fetch it at a time.
        part = file.with_suffix(f".{datetime.now(UTC).timestamp()}")
        try:
            _save(answer, part)
            part.replace(file)
        finally:
            part.unlink(missing_ok=True)
        found = _noted(answer)
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
