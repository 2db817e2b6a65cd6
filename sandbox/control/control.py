"""The control API under /_sandbox, for tests, the demo and the command line.

Bodies and answers are JSON.
"""

import json
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from moto.core.exceptions import ServiceException
from werkzeug.exceptions import BadRequest, HTTPException, NotFound
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from sandbox.balancing.balancers import Balancers
from sandbox.control.inventory import Inventory
from sandbox.engine.engine import Engine
from sandbox.faults.calls import CONTROL, Recorder
from sandbox.faults.faults import Faults, fault_from
from sandbox.faults.limits import Limits
from sandbox.faults.stale import StaleReads
from sandbox.machines.protocol import MachineError
from sandbox.machines.scripts import Subject
from sandbox.state import capacity, places, refusals
from sandbox.state.neighbours import Neighbour

Handler = Callable[..., Any]


class Reported(Protocol):
    """The rights that were asked for (api/rights.py)."""

    def report(self) -> dict[str, Any]: ...

    def forget(self) -> None: ...


class Control:
    """`status` returns what sandbox.json holds. `furnish` fills an empty account with what it has
    at the start."""

    def __init__(
        self,
        engine: Engine,
        recorder: Recorder,
        faults: Faults,
        limits: Limits,
        stale: StaleReads,
        inventory: Inventory,
        balancers: Balancers,
        status: Callable[[], dict[str, Any]],
        furnish: Callable[[], object],
        rights: Reported,
    ) -> None:
        self._engine = engine
        self._account = engine.account
        self._recorder = recorder
        self._faults = faults
        self._limits = limits
        self._stale = stale
        self._inventory = inventory
        self._balancers = balancers
        self._status = status
        self._furnish = furnish
        self._rights = rights
        self._routes = Map(
            [
                Rule(f"{CONTROL}{path}", methods=[method], endpoint=handler)
                for method, path, handler in self._table()
            ],
            strict_slashes=False,
        )

    def _table(self) -> list[tuple[str, str, Handler]]:
        return [
            ("GET", "/status", lambda _: self._status()),
            ("POST", "/reset", lambda _: self._reset()),
            ("DELETE", "/ended", lambda _: self._engine.forget_ended()),
            ("GET", "/inventory", lambda _: self._inventory.take()),
            ("GET", "/load_balancers/<name>", lambda _, name: self._balancers.counters(name)),
            ("GET", "/calls", lambda _: self._recorder.calls()),
            ("DELETE", "/calls", lambda _: self._recorder.clear()),
            ("GET", "/rights", lambda _: self._rights.report()),
            ("DELETE", "/rights", lambda _: self._rights.forget()),
            ("GET", "/faults", lambda _: self._faults.all()),
            ("POST", "/faults", self._add_fault),
            ("DELETE", "/faults", lambda _: self._clear_faults()),
            ("POST", "/faults/<fault_id>/release", self._release),
            ("POST", "/limits", self._limit),
            ("DELETE", "/limits", lambda _: self._limits.clear()),
            ("POST", "/capacity", self._set_capacity),
            ("DELETE", "/capacity", lambda _: self._clear_capacity()),
            ("POST", "/refusals", self._refuse),
            ("POST", "/quotas", self._set_quota),
            ("POST", "/late", self._set_late),
            ("POST", "/load", self._set_load),
            ("POST", "/scheduled", self._come_due),
            ("POST", "/date", self._set_date),
            ("POST", "/scripts", self._add_script),
            ("DELETE", "/scripts", lambda _: self._account.scripts.clear()),
            ("GET", "/scripts/<image_id>", self._properties),
            ("POST", "/instances/<instance_id>/interrupt", self._interrupt),
            ("POST", "/instances/<instance_id>/rebalance", self._rebalance),
            ("POST", "/instances/<instance_id>/kill", self._kill),
            ("GET", "/instances/<instance_id>/role", self._role),
            ("POST", "/tags/<resource_id>", self._mark),
            ("POST", "/images/<image_id>/keep", self._keep),
            ("POST", "/images/<image_id>/deprecated", self._deprecate),
            ("GET", "/images/<image_id>/shared/<with_account>", self._shared),
            ("POST", "/neighbours", self._add_neighbour),
            ("POST", "/forget", lambda _: self._account.machines.forget_images()),
        ]

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        return self._respond(Request(environ))(environ, start_response)

    def _respond(self, request: Request) -> Response:
        try:
            handler, arguments = self._routes.bind_to_environ(request.environ).match()
            return _json(handler(request, **arguments))
        except HTTPException as error:
            return _json({"error": error.description}, error.code or 500)
        except (ValueError, TypeError, KeyError, MachineError) as error:
            return _json({"error": str(error)}, 400)
        except ServiceException as error:
            return _json({"error": error.message, "code": error.code}, 404)

    def _reset(self) -> None:
        """Bring the account's start back without a new process."""
        self._clear_faults()
        self._limits.clear()
        self._account.clock.ahead_seconds = 0.0
        with self._account.lock:
            self._account.scripts.clear()
            self._account.empty()
            self._balancers.forget()
            self._furnish()
            self._inventory.begin()
        self._recorder.clear()
        self._account.wake()

    # -- faults, limits, capacity --

    def _add_fault(self, request: Request) -> dict[str, Any]:
        fault = fault_from(_body(request))
        self._faults.add(fault)
        return fault.as_json()

    def _clear_faults(self) -> None:
        self._faults.clear()
        with self._account.lock:
            self._stale.clear()

    def _release(self, request: Request, fault_id: str) -> dict[str, Any]:
        fault = self._faults.get(fault_id)
        if fault is None:
            raise NotFound(f"no fault {fault_id}; GET /_sandbox/faults lists them")
        fault.dropped = bool(_body(request).get("drop"))
        fault.released.set()
        return fault.as_json()

    def _limit(self, request: Request) -> None:
        body = _body(request)
        self._limits.set(str(body["operation"]), float(body["rate"]), float(body["burst"]))

    def _set_capacity(self, request: Request) -> dict[str, int]:
        """Body: {"market": "spot", "type": "*", "zone": "*", "limit": 0}, or {"account": 5}. A
        limit of null removes it."""
        body = _body(request)
        if capacity.ACCOUNT in body:
            key, limit = capacity.ACCOUNT, body[capacity.ACCOUNT]
        else:
            key, limit = _pool_name(body), body.get("limit")
        with self._account.lock:
            self._account.state.quota_inside = bool(body.get("inside"))
            self._account.state.capacity.pop(key, None)
            if limit is not None:
                self._account.state.capacity[key] = int(limit)
            self._engine.look_again()
            return dict(self._account.state.capacity)

    def _clear_capacity(self) -> None:
        with self._account.lock:
            self._account.state.capacity.clear()
            self._account.state.refusals.clear()
            self._account.state.quota_inside = False
            self._engine.look_again()

    def _refuse(self, request: Request) -> None:
        """Body: {"code": "VcpuLimitExceeded", "envelope": "error", "market": "spot", "type": "*",
        "zone": "*"}. DELETE /capacity removes it."""
        body = _body(request)
        refused = refusals.refusal(
            str(body.get("code", "")), str(body.get("envelope", "blacklisted"))
        )
        with self._account.lock:
            self._account.state.refusals[_pool_name(body)] = refused
            self._engine.look_again()

    def _set_quota(self, request: Request) -> dict[str, float]:
        """Body: {"code": "L-34B43A08", "value": 8}. A value of null means AWS's default."""
        body = _body(request)
        with self._account.lock:
            self._account.state.quotas.pop(str(body["code"]), None)
            if body.get("value") is not None:
                self._account.state.quotas[str(body["code"])] = float(body["value"])
            return dict(self._account.state.quotas)

    def _set_late(self, request: Request) -> None:
        seconds = _body(request).get("seconds")
        self._account.late_launch_seconds = None if seconds is None else float(seconds)

    def _set_load(self, request: Request) -> None:
        """Body: {"of": a group's name or a Spot Fleet's id, "cpu": 160, "requests": null}."""
        body = _body(request)
        with self._account.lock:
            state = self._account.state
            name = str(body["of"])
            group = state.scaling_groups.get(name)
            automatic = group.automatic if group else state.scalable[name]
            given = {key: body.get(key) for key in ("cpu", "requests")}
            automatic.load = {key: float(one) for key, one in given.items() if one is not None}
        self._account.wake()

    def _come_due(self, request: Request) -> None:
        """Body: {"of": a group's name or a Spot Fleet's id, "action": its scheduled action}."""
        body = _body(request)
        name, action = str(body["of"]), str(body["action"])
        with self._account.lock:
            if name in self._account.state.scaling_groups:
                self._engine.scaling_groups.come_due(name, action)
            else:
                self._engine.application_scaling.come_due(name, action)

    def _set_date(self, request: Request) -> None:
        self._account.clock.ahead_seconds = float(_body(request).get("ahead_seconds", 0))

    # -- machines --

    def _add_script(self, request: Request) -> None:
        self._account.scripts.add(_body(request))
        self._account.wake()

    def _properties(self, request: Request, image_id: str) -> dict[str, Any]:
        del request
        with self._account.lock:
            image = self._account.ec2.amis.get(image_id)
            name = (image.name if image else "") or ""
            tags = self._account.tags(image_id)
        return self._account.scripts.properties(Subject(image_id, name, tags))

    def _interrupt(self, request: Request, instance_id: str) -> None:
        seconds = float(_body(request).get("notice_seconds", 120))
        with self._account.lock:
            self._engine.instances.interrupt(instance_id, seconds)

    def _rebalance(self, request: Request, instance_id: str) -> None:
        del request
        with self._account.lock:
            self._engine.instances.recommend_rebalance(instance_id)

    def _kill(self, request: Request, instance_id: str) -> None:
        del request
        with self._account.lock:
            self._engine.instances.record(instance_id)
        self._account.machines.kill(instance_id)
        self._account.wake()

    def _role(self, request: Request, instance_id: str) -> dict[str, str]:
        """The credentials that the machine's metadata hands out."""
        del request
        with self._account.lock:
            key = self._engine.instances.record(instance_id).role_key
        if key is None:
            raise NotFound(f"{instance_id} has no role: no instance profile, or one without a role")
        return {
            "AWS_ACCESS_KEY_ID": key.key_id,
            "AWS_SECRET_ACCESS_KEY": key.secret,
            "AWS_SESSION_TOKEN": key.token,
        }

    def _mark(self, request: Request, resource_id: str) -> None:
        """Body: {"tags": {"aws:dlm:lifecycle-policy-id": "policy-1"}}."""
        with self._account.lock:
            self._account.ec2.create_tags([resource_id], dict(_body(request)["tags"]))

    def _keep(self, request: Request, image_id: str) -> None:
        with self._account.lock:
            image = self._engine.images.own(image_id)
            name, tags = image.name or "", self._account.tags(image_id)
            architecture = str(image.architecture)
        key = str(_body(request)["key"])
        self._account.machines.keep_image(image_id, key, name, tags, architecture)

    def _shared(self, request: Request, image_id: str, with_account: str) -> dict[str, Any]:
        """For a neighbour: an image that this account may use. Tags are not told, as at AWS."""
        del request
        with self._account.lock:
            told = self._engine.images.shared(image_id, with_account)
        if told is None:
            raise NotFound(f"{image_id} is not there, or not shared with {with_account}")
        return told

    def _add_neighbour(self, request: Request) -> None:
        self._account.neighbours.add(Neighbour(**_body(request)))

    def _deprecate(self, request: Request, image_id: str) -> None:
        """Body: {"when": "2026-01-31T12:00:00.000Z"}: as its owner does, whoever that is."""
        with self._account.lock:
            self._engine.images.any(image_id).deprecation_time = str(_body(request)["when"])


def _pool_name(body: dict[str, Any]) -> str:
    market, one, zone = (str(body.get(k, "*")) for k in ("market", "type", "zone"))
    if market not in ("spot", "on-demand", "*"):
        raise BadRequest(f"market: expected spot, on-demand or *, got {market}")
    return places.name(market, one, zone)


def _body(request: Request) -> dict[str, Any]:
    body = request.get_json(silent=True) if request.data else {}
    if not isinstance(body, dict):
        raise BadRequest("expected a JSON object")
    return body


def _json(value: Any, status: int = 200) -> Response:
    return Response(
        json.dumps(value, default=str), status, content_type="application/json; charset=utf-8"
    )
