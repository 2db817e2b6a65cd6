"""Secrets by name: from the environment, systemd's credentials, or a Secret block in Prefect."""

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import httpx
from prefect.blocks.system import Secret
from prefect.exceptions import PrefectException

from spotkiln.errors import InputError

log = logging.getLogger("spotkiln.receiver")
# A replaced block counts after so long. While Prefect is away the last one known does.
KEEP_SECONDS = 300.0
# Nor does everyone who sends something make us ask for one that is not there.
MISSING_SECONDS = 5.0
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
    """Values stay in here; only names are ever told."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._blocks: dict[str, tuple[float, str]] = {}

    async def _block(self, name: str) -> str:
        until, known = self._blocks.get(name, (0.0, ""))
        if time.monotonic() < until:
            return known
        seconds = MISSING_SECONDS
        try:
            block = cast(Secret[str], await Secret.aload(name))
            known, seconds = str(block.get()).strip(), KEEP_SECONDS
        except (PrefectException, httpx.HTTPError, OSError, ValueError) as error:
            log.warning("no secret block %s: %s", name, type(error).__name__)
        self._blocks[name] = (time.monotonic() + seconds, known)
        return known

    async def find(self, names: tuple[str, ...]) -> dict[str, str]:
        """Those that are there, by name.

        Raises:
            InputError: one is too short to be one, or its file cannot be read.
        """
        found = {}
        for name in names:
            value = _local(name, self._environment) or await self._block(name)
            if value and len(value) < SHORTEST:
                raise InputError(f"the secret {name} is shorter than {SHORTEST} characters")
            if value:
                found[name] = value
        return found
