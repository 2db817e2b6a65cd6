"""The connection to Prefect's API: where it is, how it is asked, and how its errors become ours.

Prefect's own settings say where the API is, who asks, how long a request may take and how often a
failed one is repeated: PREFECT_API_URL, PREFECT_API_AUTH_STRING, PREFECT_API_REQUEST_TIMEOUT,
PREFECT_CLIENT_MAX_RETRIES.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Concatenate, ParamSpec, Protocol, TypeVar

import httpx
from anyio.from_thread import BlockingPortal, start_blocking_portal
from prefect.client.orchestration import PrefectClient, get_client
from prefect.context import FlowRunContext, SettingsContext, get_settings_context
from prefect.exceptions import PrefectException
from prefect.settings import get_current_settings

from spotkiln.bake.source import without_credentials
from spotkiln.errors import (
    InputError,
    NotInPrefect,
    PrefectAway,
    PrefectDenied,
    PrefectFailed,
    PrefectRefused,
    SpotkilnError,
)

T = TypeVar("T")
P = ParamSpec("P")
# As many as Prefect gives at once.
PAGE = 200
# Prefect's word on the request itself: it stays the same however often it is asked.
REFUSED = {400, 409, 422}
NO_RIGHT = {401, 403}


class ReadPage(Protocol[T]):
    """Reads one page of a list: at most `limit` items, after the first `offset`."""

    def __call__(self, client: PrefectClient, limit: int, offset: int) -> Awaitable[list[T]]: ...


class Api:
    """An open connection."""

    def __init__(self, client: PrefectClient) -> None:
        self._client = client

    @property
    def url(self) -> str:
        return str(self._client.api_url).rstrip("/")

    async def ask(self, what: str, call: Callable[[PrefectClient], Awaitable[T]]) -> T:
        """The answer to one call. `what` completes "Prefect could not ...", for the error.

        Raises:
            NotInPrefect: the call names something that is not there.
            PrefectRefused: Prefect understood the call and refused it.
            PrefectAway: no answer came.
            PrefectDenied: Prefect does not know the password.
            PrefectFailed: any other answer.
        """
        try:
            return await call(self._client)
        except ValueError as error:
            # What came is not repeated: it may hold a secret.
            raise PrefectFailed(
                f"could not {what} in Prefect at {without_credentials(self.url)}: expected an "
                f"answer of Prefect's API, got one that cannot be read ({type(error).__name__}): "
                "is it its address, which ends with /api, and the same version of Prefect?"
            ) from error
        except (httpx.HTTPError, OSError, PrefectException) as error:
            raise in_our_words(what, self.url, error) from error

    async def pages(self, what: str, read: ReadPage[T]) -> list[T]:
        """All items of a list."""
        found: list[T] = []
        while True:
            page = await self.ask(what, partial(read, limit=PAGE, offset=len(found)))
            found += page
            if len(page) < PAGE:
                return found


def in_our_words(what: str, url: str, error: Exception) -> SpotkilnError:
    """Our error for one of Prefect's client: what was asked, where, and what to do."""
    url = without_credentials(url)
    cause = getattr(error, "http_exc", error)
    if not isinstance(cause, httpx.HTTPStatusError):
        told = f"could not {what} in Prefect at {url}: {type(error).__name__}: {error}"
        if isinstance(error, PrefectException):
            return PrefectFailed(told)
        return PrefectAway(
            f"{told}; it does not answer: does the server run, is its address right?"
        )
    code, said = cause.response.status_code, without_credentials(cause.response.text)[:500]
    told = f"could not {what} in Prefect at {url} ({code}): {said}"
    if code == httpx.codes.NOT_FOUND:
        return NotInPrefect(told)
    if code in REFUSED:
        return PrefectRefused(f"Prefect refused to {what} ({code}): {said}", code, said)
    if code in NO_RIGHT:
        return PrefectDenied(f"{told}; set PREFECT_API_AUTH_STRING as the server has it")
    return PrefectFailed(f"{told}; the server's log says more; try again")


def address() -> str:
    """Of Prefect's API.

    Raises:
        InputError: none is set; Prefect would start a server of its own for each call.
    """
    url = get_current_settings().api.url
    if not url:
        raise InputError(
            "no Prefect server is set: set PREFECT_API_URL, or `prefect config set "
            "PREFECT_API_URL=http://127.0.0.1:4200/api`"
        )
    return url


def is_open() -> bool:
    """Whether its API answers somebody without a password.

    Raises:
        PrefectAway: no answer came.
    """
    url = address()
    try:
        answer = httpx.get(f"{url.rstrip('/')}/admin/version", timeout=10, follow_redirects=True)
    except httpx.HTTPError as error:
        raise in_our_words("be asked without a password", url, error) from error
    return answer.is_success


@asynccontextmanager
async def connect() -> AsyncIterator[Api]:
    """An open connection.

    Raises:
        InputError: no address is set. A flow that a program runs without one has a server already:
            Prefect started it for that run.
    """
    if FlowRunContext.get() is None:
        address()
    async with get_client() as client:
        yield Api(client)


class Connection:
    """An open connection, for code that is not asynchronous."""

    def __init__(self, portal: BlockingPortal, api: Api) -> None:
        self._portal = portal
        self._api = api

    def ask(
        self,
        operation: Callable[Concatenate[Api, P], Awaitable[T]],
        *args: P.args,
        **named: P.kwargs,
    ) -> T:
        return self._portal.call(partial(operation, self._api, *args, **named))


@contextmanager
def _opened() -> Iterator[Connection]:
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(connect()) as api:
        yield Connection(portal, api)


class _Kept:
    """A connection that is opened by the first question and closed with the `stack`."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._connection: Connection | None = None

    def connection(self) -> Connection:
        if self._connection is None:
            self._connection = self._stack.enter_context(_opened())
        return self._connection


_kept: ContextVar[_Kept | None] = ContextVar("kept", default=None)


@contextmanager
def one_connection() -> Iterator[None]:
    """Inside, all questions of this thread share one connection. A run asks dozens: each
    connection of its own would be a thread, a reading of all certificates and a token."""
    if _kept.get() is not None:
        yield
        return
    stack = ExitStack()
    token = _kept.set(_Kept(stack))
    try:
        yield
    finally:
        _kept.reset(token)
        # How the block ended is nothing that the connection needs to know.
        stack.close()


@contextmanager
def connected() -> Iterator[Connection]:
    """An open connection for several questions, as whoever follows a run has them. Inside
    `one_connection` it is that one."""
    kept = _kept.get()
    if kept is not None:
        yield kept.connection()
        return
    with _opened() as connection:
        yield connection


def ask(
    operation: Callable[Concatenate[Api, P], Awaitable[T]], *args: P.args, **named: P.kwargs
) -> T:
    """One question, on a connection of its own, or on that of `one_connection`."""
    with connected() as connection:
        return connection.ask(operation, *args, **named)


@contextmanager
def without_retries() -> Iterator[None]:
    """Inside, a failed request is not repeated: for whoever tries again by a plan of its own.

    Prefect's `temporary_settings` reads the whole environment and all files of settings anew: that
    was a quarter of the processor time of a release, which shows its progress in such a block.
    """
    context = get_settings_context()
    client = context.settings.client.model_copy(update={"max_retries": 0})
    settings = context.settings.model_copy(update={"client": client})
    with SettingsContext(profile=context.profile, settings=settings):
        yield


async def healthy(api: Api) -> bool:
    """Whether Prefect answers and says that it is well."""
    try:
        return await api.ask("tell its health", lambda client: client.api_healthcheck()) is None
    except SpotkilnError:
        return False


async def version(api: Api) -> str:
    return await api.ask("tell its version", lambda client: client.api_version())
