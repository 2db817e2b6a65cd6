"""Secrets in blocks of Prefect: read aside, and nobody waits longer than a moment."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from spotkiln.errors import NotInPrefect
from spotkiln.receiver import secrets as module
from spotkiln.receiver.secrets import Secrets

NAMES = ("hook",)


class Blocks:
    """Stands for Prefect's blocks; `hang` is for how long each answer takes."""

    def __init__(self) -> None:
        self.value, self.hang, self.asked = "the first secret", 0.0, 0

    async def load(self, name: str) -> str:
        assert name in NAMES
        self.asked += 1
        await asyncio.sleep(self.hang)
        if not self.value:
            raise NotInPrefect("no such block")
        return self.value


@pytest.fixture
def blocks(monkeypatch: pytest.MonkeyPatch) -> Blocks:
    found = Blocks()
    monkeypatch.setattr(module, "secret", found)
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.2)
    monkeypatch.setattr(module, "ASK_SECONDS", 0.0)
    return found


def test_a_known_secret_is_not_waited_for(blocks: Blocks) -> None:
    async def scene() -> None:
        secrets = Secrets({})
        assert await secrets.find(NAMES) == {"hook": blocks.value}
        blocks.hang = 60.0
        for _ in range(100):
            assert await secrets.find(NAMES) == {"hook": blocks.value}
        assert blocks.asked == 1

    asyncio.run(scene())


def test_an_unknown_one_is_waited_for_a_moment(blocks: Blocks) -> None:
    async def scene() -> None:
        blocks.hang = 0.5
        secrets = Secrets({})
        begin = time.monotonic()
        found = await asyncio.gather(*(secrets.find(NAMES) for _ in range(20)))
        assert found == [{}] * 20
        assert time.monotonic() - begin < 0.45
        # It goes on being read, once, and then it is there.
        await asyncio.sleep(0.5)
        assert await secrets.find(NAMES) == {"hook": blocks.value}
        assert blocks.asked == 1

    asyncio.run(scene())


def test_a_replaced_one_is_found_when_a_signature_does_not_fit(blocks: Blocks) -> None:
    async def scene() -> None:
        secrets = Secrets({})
        await secrets.find(NAMES)
        blocks.value = "the second secret"
        assert await secrets.find(NAMES) == {"hook": "the first secret"}
        assert await secrets.find_newer(NAMES) == {"hook": "the second secret"}
        # One that is gone, or that Prefect cannot tell now, is the last one known.
        blocks.value = ""
        assert await secrets.find_newer(NAMES) == {"hook": "the second secret"}

    asyncio.run(scene())


def test_they_are_read_anew_aside(blocks: Blocks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEEP_SECONDS", 0.05)

    async def scene() -> None:
        secrets = Secrets({"LOCAL": "a local secret"})
        keeping = asyncio.create_task(secrets.keep_fresh(("LOCAL", *NAMES)))
        await asyncio.sleep(0.1)
        blocks.value = "the second secret"
        await asyncio.sleep(0.3)
        asked = blocks.asked
        assert await secrets.find(NAMES) == {"hook": "the second secret"}
        assert blocks.asked == asked
        keeping.cancel()

    asyncio.run(scene())


def test_whoever_sends_much_does_not_make_us_ask_as_often(
    blocks: Blocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ASK_SECONDS", 30.0)

    async def scene() -> None:
        secrets = Secrets({})
        for _ in range(50):
            await secrets.find_newer(NAMES)
        assert blocks.asked == 1

    asyncio.run(scene())


@pytest.fixture
def silent() -> Iterator[str]:
    """A server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        kept: list[socket.socket] = []

        def take() -> None:
            while True:
                try:
                    kept.append(server.accept()[0])
                except OSError:
                    return

        threading.Thread(target=take, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/api"
        server.shutdown(socket.SHUT_RDWR)


def test_a_prefect_that_hangs_is_not_waited_for(silent: str) -> None:
    async def scene() -> float:
        secrets = Secrets({})
        begin = time.monotonic()
        assert await secrets.find(("some-block",)) == {}
        return time.monotonic() - begin

    with temporary_settings({PREFECT_API_URL: silent}):
        assert asyncio.run(asyncio.wait_for(scene(), 30)) < 4
