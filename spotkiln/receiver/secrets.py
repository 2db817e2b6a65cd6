"""Secrets by name: from the environment, systemd's credentials, or a Secret block in Prefect."""

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from spotkiln.errors import InputError, SpotkilnError
from spotkiln.prefect_api import secret

log = logging.getLogger("spotkiln.receiver")
# So often blocks are read anew, beside the requests. While Prefect is away the last value counts.
KEEP_SECONDS = 60.0
# The same block is asked for at most so often, however many requests come.
ASK_SECONDS = 5.0
# So long a request waits for a block that is not known yet or may have been replaced.
PATIENCE_SECONDS = 1.0
SHORTEST = 8


def _local(name: str, environment: Mapping[str, str]) -> str:
    if folder := environment.get("CREDENTIALS_DIRECTORY"):
        file = Path(folder) / name
        try:
            if file.is_file():
                return file.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is not text"
            raise InputError(f"the secret {name} cannot be read from {file}: {why}") from None
    return environment.get(name, "").strip()


class Secrets:
    """Keeps the values; errors and the log tell only names."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._blocks: dict[str, str] = {}
        self._asked: dict[str, float] = {}
        self._asking: dict[str, asyncio.Task[None]] = {}

    async def _load(self, name: str) -> None:
        try:
            self._blocks[name] = await secret.load(name)
        except SpotkilnError as error:
            log.warning("no secret block %s: %s", name, type(error).__name__)

    def _ask(self, name: str) -> "asyncio.Task[None] | None":
        """The task that reads the block; None if it was read a moment ago."""
        task = self._asking.get(name)
        if task and not task.done():
            return task
        if time.monotonic() < self._asked.get(name, -ASK_SECONDS) + ASK_SECONDS:
            return None
        self._asked[name] = time.monotonic()
        self._asking[name] = asyncio.create_task(self._load(name))
        return self._asking[name]

    async def _patiently(self, names: Iterable[str]) -> None:
        if tasks := [task for name in names if (task := self._ask(name))]:
            await asyncio.wait(tasks, timeout=PATIENCE_SECONDS)

    def _blocks_among(self, names: Iterable[str]) -> list[str]:
        return [name for name in names if not _local(name, self._environment)]

    async def keep_fresh(self, names: Iterable[str]) -> None:
        """Read the blocks among them again and again. Never returns."""
        names = tuple(names)
        while True:
            try:
                await self._patiently(self._blocks_among(names))
            except InputError as error:
                log.warning("%s", error)
            await asyncio.sleep(KEEP_SECONDS)

    def _known(self, names: Iterable[str]) -> dict[str, str]:
        found = {}
        for name in names:
            value = _local(name, self._environment) or self._blocks.get(name, "")
            if value and len(value) < SHORTEST:
                raise InputError(f"the secret {name} is shorter than {SHORTEST} characters")
            if value:
                found[name] = value
        return found

    async def find(self, names: tuple[str, ...]) -> dict[str, str]:
        """The secrets that are there, by name.

        Raises:
            InputError: one is too short to be one, or its file cannot be read.
        """
        found = self._known(names)
        if len(found) < len(names):
            await self._patiently(name for name in names if name not in found)
            found = self._known(names)
        return found

    async def find_newer(self, names: tuple[str, ...]) -> dict[str, str]:
        """The same, with the blocks among them read anew: one may have been replaced just now."""
        await self._patiently(self._blocks_among(names))
        return self._known(names)
