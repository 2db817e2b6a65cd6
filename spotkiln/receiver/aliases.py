"""Aliases of hosts in ~/.ssh/config. ssh is asked in a thread; its answers are kept for a
minute."""

import asyncio
import time
from collections.abc import Iterable
from pathlib import Path

from spotkiln.start.repository import ssh_host
from spotkiln.start.ssh import real_name

KEEP_SECONDS = 60.0


class Aliases:
    def __init__(self, config: Path | None) -> None:
        self._config = config
        self._known: dict[str, tuple[float, str]] = {}

    async def _name(self, host: str) -> str:
        until, name = self._known.get(host, (0.0, ""))
        if time.monotonic() >= until:
            name = await asyncio.to_thread(real_name, host, self._config)
            self._known[host] = (time.monotonic() + KEEP_SECONDS, name)
        return name

    async def of(self, repositories: Iterable[str]) -> dict[str, str]:
        """For each host that is an alias: the name by which ssh reaches it."""
        hosts = {host for one in repositories if (host := ssh_host(one))}
        names = {host: await self._name(host) for host in sorted(hosts)}
        return {host: name for host, name in names.items() if name != host}
