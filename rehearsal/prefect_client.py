"""A client of the Prefect server on this machine. It is patient while SQLite is busy."""

import base64
import ssl
import time
from collections.abc import Generator
from uuid import uuid4

import httpx

TRIES = 10


class Patient(httpx.HTTPTransport):
    """SQLite is busy for moments at a time; Prefect then answers 503 and has done nothing. A busy
    server also ends connections without an answer: what only reads is asked once more."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        for _ in range(TRIES):
            answer = self._ask(request)
            if answer and answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                return answer
            if answer:
                answer.close()
            time.sleep(1)
        return super().handle_request(request)

    def _ask(self, request: httpx.Request) -> httpx.Response | None:
        """None: the connection was lost, and the request may be repeated."""
        try:
            return super().handle_request(request)
        except (httpx.NetworkError, httpx.RemoteProtocolError):
            if reads(request):
                return None
            raise


def reads(request: httpx.Request) -> bool:
    """Whether it changes nothing, however often it is asked."""
    return request.method == "GET" or request.url.path.endswith("/filter")


class Known(httpx.Auth):
    """The password, and for what changes something a token, as Prefect's own clients send them."""

    requires_response_body = True

    def __init__(self, address: str, password: str) -> None:
        self._basic = f"Basic {base64.b64encode(password.encode()).decode()}"
        self._client = uuid4().hex
        self._tokens = f"{address}/api/csrf-token?client={self._client}"
        self._token = ""

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = self._basic
        request.headers["Prefect-Csrf-Client"] = self._client
        request.headers["Prefect-Csrf-Token"] = self._token
        answer = yield request
        # There is none yet, or it is older than an hour.
        if answer.status_code == httpx.codes.FORBIDDEN:
            asked = httpx.Request("GET", self._tokens, headers={"Authorization": self._basic})
            answer = yield asked
            self._token = str(answer.raise_for_status().json()["token"])
            request.headers["Prefect-Csrf-Token"] = self._token
            yield request


def trusting(address: str, trusted: ssl.SSLContext | None = None) -> ssl.SSLContext | bool:
    """Whom a client of that address believes. To read everybody's certificates takes as long as
    dozens of requests; without TLS none is looked at, and nobody is believed."""
    if trusted is None and address.startswith("http://"):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return trusted or True


def client_of(
    address: str, password: str = "", trusted: ssl.SSLContext | None = None
) -> httpx.Client:
    """Of the API of the Prefect server at that address; `password` as name:password, `trusted` whom
    it believes, where it speaks TLS and the system does not know its certificate."""
    auth = Known(address, password) if password else None
    patient = Patient(verify=trusting(address, trusted))
    return httpx.Client(base_url=f"{address}/api", timeout=30, transport=patient, auth=auth)
