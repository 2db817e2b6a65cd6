"""Lets only those call the sandbox who have the access key of this start.

The port is on loopback, but others reach it too: web pages in a browser on this machine, and the
machine's other users. A page's requests have its Origin, or as Host a name that was made to resolve
to 127.0.0.1. Neither a page nor another user knows the key.
"""

import hmac
import io
import json
import logging
import re
import secrets
import string
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from moto.iam.models import iam_backends
from moto.sts.models import sts_backends
from werkzeug.wrappers import Request, Response

from sandbox.api import errors
from sandbox.api.app import WsgiApp
from sandbox.faults.calls import CONTROL, signed_with
from sandbox.state.account import Account
from sandbox.state.records import ACCOUNT_ID

log = logging.getLogger(__name__)

_OWN_NAMES = ("127.0.0.1", "localhost", "[::1]")
_BEARER = re.compile(r"Bearer\s+(\S+)")
_KEY_LETTERS = string.ascii_uppercase + "234567"
# Of a neighbour's answer.
_PASSED_ON = ("content-type", "date", "x-amzn-requestid", "x-amzn-errortype")
_MOST_READ = 1024 * 1024
_ROLE = "A machine signs with its role's credentials, which its metadata has."
_WHERE = "This sandbox takes the access key in the `environment` of its sandbox.json."


def _key_id() -> str:
    return "AKIA" + "".join(secrets.choice(_KEY_LETTERS) for _ in range(16))


@dataclass(frozen=True)
class AccessKey:
    """As long as AWS's. Signatures are not verified: whoever knows the id is let in."""

    key_id: str = field(default_factory=_key_id, repr=False)
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(30), repr=False)


class Guard:
    """Stands before `entrance`. What it refuses is neither carried out nor recorded."""

    def __init__(
        self,
        entrance: WsgiApp,
        key: AccessKey,
        account: Account,
        caller_of: Callable[[str], str],
    ) -> None:
        """`caller_of`: who calls with a key that the account has handed out."""
        self._entrance = entrance
        self._key = key
        self._account = account
        self._caller_of = caller_of

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        refused = _from_elsewhere(environ) or self._without_key(environ)
        if refused is None:
            answer = self._from_neighbour(environ)
            return (answer or self._entrance)(environ, start_response)
        log.warning("refused %s %s", environ.get("REQUEST_METHOD"), environ.get("PATH_INFO"))
        # A connection that is closed before all was read may cost the client its answer.
        environ["wsgi.input"].read(min(int(environ.get("CONTENT_LENGTH") or 0), _MOST_READ))
        return refused(environ, start_response)

    def _from_neighbour(self, environ: dict[str, Any]) -> Response | None:
        """The answer of the sandbox that the call is for, if it is another one."""
        neighbours = self._account.neighbours
        authorization = str(environ.get("HTTP_AUTHORIZATION", ""))
        if not neighbours or str(environ.get("PATH_INFO", "")).startswith(CONTROL):
            return None
        request = Request(environ)
        body = request.get_data()
        environ["wsgi.input"] = io.BytesIO(body)
        one = neighbours.wanted(authorization, body)
        if one is None:
            return None
        path = request.full_path.rstrip("?")
        answer = neighbours.forward(
            one, request.method, path, dict(request.headers), body, self._caller_of
        )
        headers = [(key, value) for key, value in answer.headers if key.lower() in _PASSED_ON]
        return Response(answer.body, answer.status, headers)

    def _without_key(self, environ: dict[str, Any]) -> Response | None:
        authorization = str(environ.get("HTTP_AUTHORIZATION", ""))
        if str(environ.get("PATH_INFO", "")).startswith(CONTROL):
            bearer = _BEARER.fullmatch(authorization)
            if bearer is not None and self._is_own(bearer[1]):
                return None
            return _forbidden(f"The control API wants `Authorization: Bearer KEY`. {_WHERE}")
        key_id = signed_with(authorization)[0]
        if self._is_own(key_id) or self._account.neighbours.has_handed_out(key_id):
            return None
        return refused_key(environ, self._account, _WHERE)

    def _is_own(self, key_id: str) -> bool:
        return hmac.compare_digest(key_id.encode(), self._key.key_id.encode())


class InnerGuard:
    """Stands before what machines reach in their own network: they sign with their role's
    credentials. What it refuses is neither carried out nor recorded."""

    def __init__(self, entrance: WsgiApp, account: Account) -> None:
        self._entrance = entrance
        self._account = account

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        refused = refused_key(environ, self._account, _ROLE)
        if refused is None:
            return self._entrance(environ, start_response)
        environ["wsgi.input"].read(min(int(environ.get("CONTENT_LENGTH") or 0), _MOST_READ))
        return refused(environ, start_response)


def refused_key(environ: dict[str, Any], account: Account, more: str) -> Response | None:
    """The refusal of a call that is not signed, or signed with a key that the account has not
    handed out; with a sentence more."""
    key_id, service = signed_with(str(environ.get("HTTP_AUTHORIZATION", "")))
    if not key_id:
        return errors.no_key(service, more)
    with account.lock:
        known = key_id in account.state.role_keys or _handed_out(key_id)
    return None if known else errors.unknown_key(service, more)


def _from_elsewhere(environ: dict[str, Any]) -> Response | None:
    own = [f"{name}:{environ['SERVER_PORT']}" for name in _OWN_NAMES]
    host, origin = environ.get("HTTP_HOST", ""), environ.get("HTTP_ORIGIN")
    if host not in own:
        return _forbidden(f"Host: expected {own[0]}, got {host!r}. Use the sandbox's own address.")
    if origin is not None and origin not in [f"http://{one}" for one in own]:
        return _forbidden(
            f"Origin: pages of other sites, here {origin!r}, may not call the sandbox."
        )
    return None


def _forbidden(text: str) -> Response:
    return Response(json.dumps({"error": text}), 403, content_type="application/json")


def _handed_out(key_id: str) -> bool:
    """Whether CreateAccessKey or AssumeRole has made it in the sandbox's account."""
    users = iam_backends[ACCOUNT_ID]["aws"].get_all_access_keys_for_all_users()
    if any(key.access_key_id == key_id for key in users):
        return True
    roles = sts_backends[ACCOUNT_ID]["aws"]
    return roles.get_assumed_role_from_access_key(key_id) is not None
