"""Stand-ins for the status APIs of GitHub, GitLab and Gitea. They refuse what the real ones refuse,
with their codes and words, as their documentation and sources have it."""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs

SHA = re.compile(r"[0-9a-f]{40}")
# Nobody's.
TOKEN = "token-16C7e42F292c6912E7710c838347Ae178B4a"
Answer = tuple[int, Any]


class Refused(Exception):
    def __init__(self, code: int, body: Any) -> None:
        self.code, self.body = code, body
        super().__init__(code)


class Host:
    """`statuses` are those that were set, by context, the oldest first; `deployments` the states of
    each, by id, and `made` how it was made. `fails` answers in its place."""

    def __init__(self, commit: str) -> None:
        self.commit = commit
        self.statuses: list[dict[str, Any]] = []
        self.deployments: dict[int, list[dict[str, Any]]] = {}
        self.made: dict[int, dict[str, Any]] = {}
        self.environments: dict[str, str] = {}
        self.fails: Callable[[BaseHTTPRequestHandler], None] | None = None
        self.asked: list[str] = []

    def answer(self, method: str, path: str, headers: Any, body: dict[str, Any]) -> Answer:
        raise NotImplementedError

    def states(self, of: list[dict[str, Any]] | None = None) -> list[str]:
        return [one["state"] for one in (self.statuses if of is None else of)]

    def set(self, body: dict[str, Any]) -> Answer:
        self.statuses.append(body)
        return 201, {"id": len(self.statuses), **body}


def require(condition: object, code: int, body: Any) -> None:
    if not condition:
        raise Refused(code, body)


class GitHub(Host):
    STATES: ClassVar = {"error", "failure", "pending", "success"}
    DEPLOYED: ClassVar = STATES | {"inactive", "in_progress", "queued"}

    def answer(self, method: str, path: str, headers: Any, body: dict[str, Any]) -> Answer:
        require(headers.get("user-agent"), 403, b"Request forbidden by administrative rules.")
        token = headers.get("authorization") in {f"Bearer {TOKEN}", f"token {TOKEN}"}
        require(token, 401, {"message": "Bad credentials", "status": "401"})
        rest = path.removeprefix("/repos/team/shop/")
        require(rest != path, 404, {"message": "Not Found", "status": "404"})
        kind, _, more = rest.partition("/")
        if method == "GET" and kind.startswith("deployments?"):
            return self._list(parse_qs(kind.partition("?")[2]))
        require(method == "POST", 404, {"message": "Not Found", "status": "404"})
        if kind == "statuses":
            return self._status(more, body)
        if kind == "deployments" and not more:
            return self._deploy(body)
        ident = int(more.removesuffix("/statuses"))
        require(ident in self.deployments, 404, {"message": "Not Found"})
        self._valid("DeploymentStatus", body, self.DEPLOYED, "log_url")
        self.deployments[ident].append(body)
        return 201, {"id": 1, **body}

    def _valid(self, what: str, body: dict[str, Any], states: set[str], url: str) -> None:
        def wrong(field: str, said: str) -> dict[str, Any]:
            error = {"resource": what, "code": "custom", "field": field, "message": said}
            return {"message": "Validation Failed", "errors": [error]}

        require(body.get("state") in states, 422, wrong("state", "is not included in the list"))
        long = "description is too long (maximum is 140 characters)"
        require(len(body.get("description", "")) <= 140, 422, wrong("description", long))
        link = re.match("https?://", body.get(url, "https://"))
        require(link, 422, wrong(url, "target_url must use http(s) scheme"))

    def _status(self, sha: str, body: dict[str, Any]) -> Answer:
        known = SHA.fullmatch(sha) and sha == self.commit
        require(known, 422, {"message": f"No commit found for SHA: {sha}"})
        self._valid("Status", body, self.STATES, "target_url")
        return self.set(body)

    def _deploy(self, body: dict[str, Any]) -> Answer:
        require(body.get("ref"), 422, {"message": 'Invalid request.\n\n"ref" wasn\'t supplied.'})
        conflict = "Conflict: Commit status checks failed for"
        pending = self.statuses and self.statuses[-1]["state"] != "success"
        free = body.get("required_contexts") == [] or not pending
        require(free, 409, {"message": f"{conflict} {body['ref']}"})
        require(body.get("auto_merge") is False, 202, {"message": "Auto-merged main into it"})
        ident = 40 + len(self.deployments)
        self.deployments[ident] = []
        self.made[ident] = {
            "id": ident, "sha": body["ref"], "ref": body["ref"], "task": "deploy",
            "payload": body.get("payload", {}), "description": body.get("description"),
            "environment": body.get("environment", "production"),
        }  # fmt: skip
        return 201, self.made[ident]

    def _list(self, asked: dict[str, list[str]]) -> Answer:
        """The newest first."""
        wanted = {name: asked[name][0] for name in ("sha", "environment") if name in asked}
        fits = [x for x in self.made.values() if wanted.items() <= x.items()]
        return 200, fits[::-1]


class GitLab(Host):
    STATES: ClassVar = {"pending", "running", "success", "failed", "canceled", "skipped"}
    VIA: ClassVar = {
        "pending": "enqueue",
        "running": "run",
        "success": "success",
        "failed": "drop",
        "canceled": "cancel",
    }
    DEPLOYED: ClassVar = {"running", "success", "failed", "canceled"}

    def answer(self, method: str, path: str, headers: Any, body: dict[str, Any]) -> Answer:
        bearer = headers.get("authorization") == f"Bearer {TOKEN}"
        token = headers.get("private-token") == TOKEN or bearer
        require(token, 401, {"message": "401 Unauthorized"})
        # The slash of the project's path must be encoded.
        rest = path.removeprefix("/projects/group%2Fteam%2Fshop/")
        require(rest != path, 404, {"message": "404 Project Not Found"})
        kind, _, more = rest.partition("/")
        if kind == "statuses" and method == "POST":
            return self._status(more, body)
        if kind == "environments" and method == "POST":
            taken = {"name": ["has already been taken"], "slug": ["has already been taken"]}
            require(body["name"] not in self.environments, 400, {"message": taken})
            self.environments[body["name"]] = body["external_url"]
            return 201, {"id": len(self.environments), **body}
        if kind == "deployments" and method == "POST":
            return self._deploy(body)
        if method == "GET" and kind.startswith("deployments?"):
            return self._list(parse_qs(kind.partition("?")[2]))
        require(method == "PUT" and more.isdigit(), 404, {"error": "404 Not Found"})
        require(int(more) in self.deployments, 404, {"message": "404 Not found"})
        valid = body.get("status") in self.DEPLOYED
        require(valid, 400, {"error": "status does not have a valid value"})
        self.deployments[int(more)].append({"state": body["status"]})
        return 200, {"id": int(more), "status": body["status"]}

    def _status(self, sha: str, body: dict[str, Any]) -> Answer:
        require(SHA.fullmatch(sha) and sha == self.commit, 404, {"message": "404 Commit Not Found"})
        state = str(body.get("state"))
        require(state in self.STATES, 400, {"error": "state does not have a valid value"})
        long = {"description": ["is too long (maximum is 255 characters)"]}
        require(len(body.get("description", "")) <= 255, 400, {"message": long})
        self._require_transition(str(body.get("name")), state)
        return self.set(body)

    def _require_transition(self, name: str, state: str) -> None:
        """One that has ended is followed by a new one, which may begin with anything."""
        last = next((x["state"] for x in reversed(self.statuses) if x["name"] == name), "")
        back = state == "pending" and last in {"pending", "running"}
        via = self.VIA[state]
        said = f"Cannot transition status via :{via} from :{last}"
        reason = f'{said} (Reason(s): Status cannot transition via "{via}")'
        require(not back and not state == last == "running", 400, {"message": reason})

    def _deploy(self, body: dict[str, Any]) -> Answer:
        for name in ("environment", "sha", "ref", "tag", "status"):
            require(name in body, 400, {"error": f"{name} is missing"})
        valid = body["status"] in self.DEPLOYED
        require(valid, 400, {"error": "status does not have a valid value"})
        ident = 70 + len(self.deployments)
        self.deployments[ident] = [{"state": body["status"], **body}]
        self.made[ident] = {
            "id": ident, "iid": 1, "sha": body["sha"], "ref": body["ref"], "deployable": None,
            "environment": {"id": 1, "name": body["environment"], "external_url": None},
        }  # fmt: skip
        return 201, {"id": ident, "iid": 1, "status": body["status"]}

    def _list(self, asked: dict[str, list[str]]) -> Answer:
        (status,) = asked.get("status", [""])
        valid = not status or status in self.DEPLOYED | {"created", "blocked"}
        require(valid, 400, {"error": "status does not have a valid value"})
        fits = [
            {**told, "status": self.deployments[ident][-1]["state"]}
            for ident, told in self.made.items()
            if asked.get("environment", [told["environment"]["name"]])
            == [told["environment"]["name"]]
        ]
        return 200, [x for x in fits if status in {"", x["status"]}]


class Gitea(Host):
    STATES: ClassVar = {"pending", "success", "error", "failure", "warning"}

    def answer(self, method: str, path: str, headers: Any, body: dict[str, Any]) -> Answer:
        token = headers.get("authorization") in {f"token {TOKEN}", f"Bearer {TOKEN}"}
        require(token, 401, {"message": "invalid username, password or token"})
        sha = path.removeprefix("/repos/team/shop/statuses/")
        require(sha != path and method == "POST", 404, {"message": "The target couldn't be found."})
        require(
            SHA.fullmatch(sha) and sha == self.commit, 404, {"message": "object does not exist"}
        )
        state = body.get("state")
        require(state in self.STATES, 400, {"message": f"unknown CommitStatusState: {state}"})
        return self.set(body)


class _Handler(BaseHTTPRequestHandler):
    host: Host
    prefix: str

    def _answer(self) -> None:
        size = int(self.headers.get("content-length") or 0)
        body = json.loads(self.rfile.read(size) or "{}")
        self.host.asked.append(f"{self.command} {self.path}")
        if self.host.fails:
            self.host.fails(self)
            return
        path = self.path.removeprefix(self.prefix)
        try:
            code, found = self.host.answer(self.command, path, self.headers, body)
        except Refused as refused:
            code, found = refused.code, refused.body
        self.reply(code, found)

    def reply(self, code: int, found: Any) -> None:
        text = found if isinstance(found, bytes) else json.dumps(found).encode()
        self.send_response(code)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PUT = _answer  # noqa: N815 - their names there

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
        pass


@contextmanager
def served(host: Host, prefix: str = "") -> Iterator[str]:
    """The address of its API, as long as the block runs."""
    handler = type("Handler", (_Handler,), {"host": host, "prefix": prefix})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{prefix}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def replies(code: int, body: Any) -> Callable[[BaseHTTPRequestHandler], None]:
    return lambda request: request.reply(code, body)  # type: ignore[attr-defined]


def drop_by_drop(request: BaseHTTPRequestHandler) -> None:
    """An answer that never ends, without a pause that would end a time-out."""
    request.send_response(201)
    request.send_header("content-length", "1000000")
    request.end_headers()
    for _ in range(100):
        try:
            request.wfile.write(b" ")
            request.wfile.flush()
        except OSError:
            return
        time.sleep(0.05)
