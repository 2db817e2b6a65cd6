"""The connection to Prefect's API: its errors in our words, its pages, and who may ask how."""

import asyncio
import socket
import threading
from typing import Any
from uuid import UUID

import pytest
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_CLIENT_MAX_RETRIES,
    PREFECT_CLIENT_RETRY_JITTER_FACTOR,
    get_current_settings,
    temporary_settings,
)

from spotkiln.errors import (
    InputError,
    NotInPrefect,
    PrefectAway,
    PrefectDenied,
    PrefectFailed,
    PrefectRefused,
    SpotkilnError,
)
from spotkiln.prefect_api import deployment, run
from spotkiln.prefect_api.connection import (
    PAGE,
    ask,
    connect,
    connected,
    healthy,
    one_connection,
    version,
    without_retries,
)
from tests.reliability.host import eventually
from tests.unit.prefect_api import answers
from tests.unit.prefect_api.conftest import FakeApi

pytestmark = pytest.mark.programs

RUN = UUID(int=7)
READ = f"GET /flow_runs/{RUN}"


def failing(fake: FakeApi, code: int, said: str) -> SpotkilnError:
    fake.answers[READ] = lambda _: (code, {"detail": said})
    with pytest.raises(SpotkilnError) as caught:
        ask(run.read, str(RUN))
    assert f"read the run {RUN}" in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    ("code", "kind", "what_to_do"),
    [
        (401, PrefectDenied, "set PREFECT_API_AUTH_STRING"),
        (403, PrefectDenied, "set PREFECT_API_AUTH_STRING"),
        (404, NotInPrefect, ""),
        (400, PrefectRefused, ""),
        (409, PrefectRefused, ""),
        (422, PrefectRefused, ""),
        (500, PrefectFailed, "the server's log"),
    ],
)
def test_an_error_says_what_was_asked_what_came_and_what_to_do(
    fake: FakeApi, code: int, kind: type[SpotkilnError], what_to_do: str
) -> None:
    error = failing(fake, code, "the reason")
    assert type(error) is kind
    assert f"({code})" in str(error)
    assert "the reason" in str(error)
    assert what_to_do in str(error)
    if not isinstance(error, PrefectRefused):
        assert fake.url in str(error)


def test_a_refusal_tells_its_code_and_prefects_words(fake: FakeApi) -> None:
    error = failing(fake, 409, "it exists")
    assert isinstance(error, PrefectRefused)
    assert (error.code, error.exists) == (409, True)
    assert "it exists" in error.said
    other = failing(fake, 422, "no number")
    assert isinstance(other, PrefectRefused)
    assert not other.exists


def test_what_prefect_quotes_is_told_without_passwords(fake: FakeApi) -> None:
    error = failing(fake, 422, "no repository: https://me:hush@git.example/app.git")
    assert "git.example" in str(error)
    assert "hush" not in str(error)


def test_no_answer_is_no_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    url = f"http://me:hush@127.0.0.1:{port}/api"
    with (
        temporary_settings({PREFECT_API_URL: url}),
        pytest.raises(PrefectAway, match="does the server run") as caught,
    ):
        ask(version)
    assert f"127.0.0.1:{port}" in str(caught.value)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    "answer",
    [
        # Prefect's own UI, if the address has no /api; or a proxy's page.
        b"<!doctype html>",
        b"\xff\xfe",
        # Another version of Prefect, perhaps.
        {"id": str(RUN), "parameters": "hush"},
        ["hush"],
    ],
)
def test_an_answer_that_nobody_can_read(fake: FakeApi, answer: object) -> None:
    fake.answers[READ] = lambda _: (200, answer)
    with pytest.raises(PrefectFailed, match="ends with /api") as caught:
        ask(run.read, str(RUN))
    assert fake.url in str(caught.value)
    # What came is not repeated: it may hold a secret.
    assert "hush" not in str(caught.value)


def test_without_an_address_nothing_is_asked() -> None:
    with (
        temporary_settings(restore_defaults={PREFECT_API_URL}),
        pytest.raises(InputError, match="set PREFECT_API_URL"),
    ):
        ask(version)


def test_all_pages_are_read(fake: FakeApi) -> None:
    there = [answers.deployment(f"app-{number:04}") for number in range(2 * PAGE + 1)]

    def page(body: dict[str, Any]) -> tuple[int, Any]:
        return 200, there[body["offset"] : body["offset"] + body["limit"]]

    fake.answers["POST /deployments/filter"] = page
    found = ask(deployment.listing, "release")
    assert [one.name for one in found] == [f"release/{one['name']}" for one in there]
    asked = fake.bodies("POST /deployments/filter")
    assert [(x["offset"], x["limit"]) for x in asked] == [(0, PAGE), (PAGE, PAGE), (2 * PAGE, PAGE)]


def test_a_full_last_page_is_followed_by_an_empty_one(fake: FakeApi) -> None:
    there = [answers.deployment(f"app-{number:04}") for number in range(PAGE)]
    fake.answers["POST /deployments/filter"] = lambda body: (200, there[body["offset"] :])
    assert len(ask(deployment.listing, "release")) == PAGE
    assert len(fake.bodies("POST /deployments/filter")) == 2


def test_several_questions_share_a_connection(fake: FakeApi) -> None:
    fake.answers[READ] = lambda _: (200, answers.run(RUN))
    fake.answers["GET /admin/version"] = lambda _: (200, "3.8.8")
    with connected() as prefect:
        assert prefect.ask(run.read, str(RUN)).state == "COMPLETED"
        assert prefect.ask(version) == "3.8.8"
        # An error ends one question, and not the connection.
        with pytest.raises(NotInPrefect):
            prefect.ask(run.read, str(UUID(int=8)))
        assert prefect.ask(version) == "3.8.8"


def test_inside_one_connection_all_questions_share_it(fake: FakeApi) -> None:
    fake.answers["GET /admin/version"] = lambda _: (200, "3.8.8")
    with one_connection():
        with connected() as first:
            assert first.ask(version) == "3.8.8"
        with one_connection(), connected() as second:
            assert second is first
        assert ask(version) == "3.8.8"
        with connected() as third:
            assert third is first
    with connected() as fourth:
        assert fourth is not first
        assert fourth.ask(version) == "3.8.8"


def test_one_connection_is_closed_however_its_block_ends(fake: FakeApi) -> None:
    fake.answers["GET /admin/version"] = lambda _: (200, "3.8.8")
    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt), one_connection():
        assert ask(version) == "3.8.8"
        assert threading.active_count() > before
        raise KeyboardInterrupt
    # One of an earlier test may end as well, and its own is not gone in the same instant.
    eventually(lambda: threading.active_count() <= before, 10.0, "its thread to end")
    assert ask(version) == "3.8.8"


def test_one_connection_that_nobody_asks_needs_no_server() -> None:
    with temporary_settings(restore_defaults={PREFECT_API_URL}), one_connection():
        pass


def test_what_is_not_repeated_is_asked_once(fake: FakeApi) -> None:
    """Also on a connection that was opened before; and all other settings stay."""
    tries = []

    def away(_: dict[str, Any]) -> tuple[int, Any]:
        tries.append(1)
        return 503, {"detail": "busy"}

    fake.answers["GET /admin/version"] = away
    with (
        temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 1, PREFECT_CLIENT_RETRY_JITTER_FACTOR: 0}),
        one_connection(),
    ):
        with pytest.raises(PrefectFailed):
            ask(version)
        assert len(tries) == 2
        with without_retries():
            assert get_current_settings().api.url == fake.url
            assert get_current_settings().client.retry_jitter_factor == 0
            with pytest.raises(PrefectFailed):
                ask(version)
        assert len(tries) == 3
        assert get_current_settings().client.max_retries == 1


def test_it_may_be_asked_while_a_loop_runs(fake: FakeApi) -> None:
    """As in a step that somebody calls from asynchronous code of their own."""
    fake.answers["GET /admin/version"] = lambda _: (200, "3.8.8")

    async def scene() -> tuple[str, str]:
        async with connect() as api:
            return ask(version), await version(api)

    assert asyncio.run(scene()) == ("3.8.8", "3.8.8")


def test_health(fake: FakeApi) -> None:
    assert not ask(healthy)
    fake.answers["GET /health"] = lambda _: (200, True)
    assert ask(healthy)
