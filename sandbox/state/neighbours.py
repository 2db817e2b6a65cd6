"""Other sandboxes that are other accounts or regions of the same AWS.

One address leads to all of them: a call goes to the one whose role has signed it, or that is the
region it was signed for. Each keeps its own state; of another's images it asks the other.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError
from urllib.parse import parse_qs
from urllib.request import ProxyHandler, Request, build_opener

_SCOPE = re.compile(r"Credential=([^/,\s]+)/\d+/([^/,\s]+)/([^/,\s]+)/")
_KEY = re.compile(rb"<AccessKeyId>([^<]+)</AccessKeyId>")
_ROLE = re.compile(r"arn:aws:iam::(\d{12}):role/")
# The header by which a sandbox tells that of another region of its account who calls.
CALLER = "X-Sandbox-Caller"
# They are on this machine: no proxy leads to them.
_OPENER = build_opener(ProxyHandler({}))
_SECONDS = 30
# What is between the two ends of a connection.
_OF_CONNECTION = {"host", "connection", "content-length", "transfer-encoding", "accept-encoding"}


@dataclass(frozen=True)
class Neighbour:
    """`endpoint` is its API's address, `key` the access key of its owner."""

    account: str
    region: str
    endpoint: str
    key: str


@dataclass(frozen=True)
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes


class Neighbours:
    def __init__(self, account: str, region: str) -> None:
        self._account, self._region = account, region
        self._known: list[Neighbour] = []
        # The accounts of roles that were assumed through this one, by their access keys.
        self._accounts: dict[str, str] = {}

    def add(self, one: Neighbour) -> None:
        self._known = [x for x in self._known if x.endpoint != one.endpoint] + [one]

    def __bool__(self) -> bool:
        return bool(self._known)

    def has_handed_out(self, key: str) -> bool:
        """Whether a role's key came through here."""
        return key in self._accounts

    def wanted(self, authorization: str, body: bytes) -> Neighbour | None:
        """The one that a call is for; None for this one."""
        scope = _SCOPE.search(authorization)
        if scope is None or not self._known:
            return None
        key, region, service = scope.groups()
        account = self._accounts.get(key, self._account)
        if service == "sts" and (role := _ROLE.match(_role_of(body))):
            account = role[1]
        others = [one for one in self._known if one.account == account]
        there = next((one for one in others if one.region == region), None)
        if account == self._account:
            return None if region == self._region else there
        # Of what has no region the account's first answers.
        return there or next(iter(others), None)

    def forward(
        self,
        one: Neighbour,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        caller_of: Callable[[str], str],
    ) -> Answer:
        """With the key of its owner, unless it has handed out the one that the call is signed
        with. Another region of this account is told who calls: it judges them by their rights."""
        scope = _SCOPE.search(headers.get("Authorization", ""))
        key = scope[1] if scope else ""
        sent = {k: v for k, v in headers.items() if k.lower() not in _OF_CONNECTION}
        if one.account == self._account and (caller := caller_of(key)):
            sent[CALLER] = caller
        if key and key not in self._accounts:
            sent["Authorization"] = headers["Authorization"].replace(key, one.key, 1)
        answer = _ask(Request(f"{one.endpoint}{path}", body or None, sent, method=method))  # noqa: S310
        if b"AssumeRoleResponse" in answer.body and (made := _KEY.search(answer.body)):
            self._accounts[made[1].decode()] = one.account
        return answer

    def image(self, region: str, image_id: str) -> dict[str, Any] | None:
        """What another's image is, if this account may use it."""
        for one in self._known:
            if one.region != region:
                continue
            url = f"{one.endpoint}/_sandbox/images/{image_id}/shared/{self._account}"
            answer = _ask(Request(url, headers={"Authorization": f"Bearer {one.key}"}))  # noqa: S310
            if answer.status == 200:
                return dict(json.loads(answer.body))
        return None


def _role_of(body: bytes) -> str:
    return parse_qs(body.decode(errors="replace")).get("RoleArn", [""])[0]


def _ask(request: Request) -> Answer:
    try:
        with _OPENER.open(request, timeout=_SECONDS) as found:
            return Answer(found.status, list(found.headers.items()), found.read())
    except HTTPError as error:
        return Answer(error.code, list(error.headers.items()), error.read())
