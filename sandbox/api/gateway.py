"""The entrance to the AWS API: records each call, applies faults, one call at a time."""

import io
import json
import logging
import re
import socket
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Any

from werkzeug.http import http_date
from werkzeug.wrappers import Response

from sandbox.api import (
    capabilities,
    constraints,
    errors,
    ids,
    pricing,
    quotas,
    refused,
    simulation,
    tags,
)
from sandbox.api.app import WsgiApp
from sandbox.api.rights import Rights, decode
from sandbox.faults.calls import CONTROL, Call, Recorder, signed_with
from sandbox.faults.faults import Fault, Faults
from sandbox.faults.limits import Limits
from sandbox.faults.stale import StaleReads
from sandbox.rights.roles import policies_of
from sandbox.state.account import Account
from sandbox.state.neighbours import CALLER

log = logging.getLogger(__name__)

_CODE = re.compile(rb"<Code>([^<]+)</Code>")
# After this a paused call goes on, so that a forgotten pause does not keep its thread for ever.
_LONGEST_PAUSE = 1800.0


class Gateway:
    def __init__(
        self,
        account: Account,
        aws: WsgiApp,
        control: WsgiApp,
        recorder: Recorder,
        faults: Faults,
        limits: Limits,
        stale: StaleReads,
        rights: Rights,
    ) -> None:
        self._account = account
        self._aws = aws
        self._control = control
        self._recorder = recorder
        self._faults = faults
        self._limits = limits
        self._stale_reads = stale
        self._rights = rights

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        if environ.get("PATH_INFO", "").startswith(CONTROL):
            return self._control(environ, start_response)
        return self.aws(environ, start_response)

    def aws(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """The AWS API without the control API."""
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        call = self._recorder.record(environ, body)

        key_id, _ = signed_with(str(environ.get("HTTP_AUTHORIZATION", "")))
        told = str(environ.get(f"HTTP_{CALLER.upper().replace('-', '_')}", ""))

        def carry_out(copy: bytes | None = None) -> Response:
            with self._account.lock:
                refused = self._rights.refusal(call, key_id, told)
            if refused is not None:
                return refused
            if call.service == "pricing":
                return pricing.answer(call.operation, body, self._account.region)
            if call.service == "servicequotas":
                return quotas.answer(call.operation, body, self._account.state.quotas)
            if call.operation == "SimulatePrincipalPolicy":
                with self._account.lock:
                    return simulation.answer(call.parameters, policies_of)
            if call.operation == "DecodeAuthorizationMessage":
                return decode(call.parameters)
            environ["wsgi.input"] = io.BytesIO(body)
            return self._carry_out(call, environ, copy)

        response = self._answer(call, environ, carry_out)
        call.status, call.error = response.status_code, _error_code(response)
        response.headers["Date"] = http_date(time.time() + self._account.clock.ahead_seconds)
        return response(environ, start_response)

    def _answer(
        self, call: Call, environ: dict[str, Any], carry_out: Callable[..., Response]
    ) -> Response:
        fault = self._faults.next_for(call)
        if fault is None:
            if not self._limits.take(call.operation):
                return errors.throttled(call.service)
            return carry_out()
        call.fault = fault.kind
        if fault.kind == "throttle":
            return errors.throttled(call.service)
        if fault.kind == "error":
            return self._error(call, fault, carry_out)
        if fault.kind == "delay":
            time.sleep(float(fault.arguments["seconds"]))
            return carry_out()
        if fault.kind == "stale":
            return self._stale(call, fault, carry_out)
        if fault.kind == "pause":
            return self._pause(fault, environ, carry_out)
        raise self._no_answer(fault, environ, carry_out)

    def _error(self, call: Call, fault: Fault, carry_out: Callable[..., Response]) -> Response:
        if fault.arguments["carried_out"]:
            carry_out()
        code, message = fault.arguments["code"], fault.arguments["message"]
        return errors.error(call.service, code, message, int(fault.arguments["status"]))

    def _no_answer(
        self, fault: Fault, environ: dict[str, Any], carry_out: Callable[..., Response]
    ) -> ConnectionError:
        """For the faults `lost` and `hang`."""
        if fault.arguments.get("carried_out", True):
            carry_out()
        if fault.kind == "hang":
            fault.released.wait(float(fault.arguments["seconds"]))
        return _hang_up(environ, fault)

    def _stale(self, call: Call, fault: Fault, carry_out: Callable[..., Response]) -> Response:
        with self._account.lock:
            if not call.mutating:
                return carry_out(self._stale_reads.for_read(fault.arguments))
            copy = self._stale_reads.before_change()
            response = carry_out(copy)
            self._stale_reads.open_window(copy, fault.arguments, fault.agent)
            return response

    def _pause(
        self, fault: Fault, environ: dict[str, Any], carry_out: Callable[..., Response]
    ) -> Response:
        response = carry_out() if fault.arguments["when"] == "after" else None
        fault.waiting += 1
        fault.released.wait(_LONGEST_PAUSE)
        fault.waiting -= 1
        if response is None and fault.dropped:
            raise _hang_up(environ, fault)
        return response or carry_out()

    def _carry_out(self, call: Call, environ: dict[str, Any], copy: bytes | None) -> Response:
        with self._account.lock, ExitStack() as stack:
            if call.mutating:
                self._account.changes += 1
                if copy is None and self._faults.wants_copies():
                    self._stale_reads.before_change()
            else:
                copy = copy or self._stale_reads.from_window(call.agent)
                if copy is not None:
                    stack.enter_context(self._account.as_of(copy))
            try:
                return (
                    ids.refusal(call)
                    or refused.filters(call)
                    or tags.refusal(call)
                    or constraints.refusal(call)
                    or capabilities.refusal(call)
                    or self._from_moto(environ)
                )
            except Exception as error:
                if (answer := refused.after(call, error)) is not None:
                    return answer
                log.exception("%s %s failed", call.service, call.operation)
                return errors.error(
                    call.service, "InternalError", f"the sandbox failed at {call.operation}", 500
                )

    def _from_moto(self, environ: dict[str, Any]) -> Response:
        response = Response.from_app(self._aws, environ, buffered=True)
        if response.status_code >= 400:
            response.set_data(errors.plain(response.get_data()))
        return response


def _hang_up(environ: dict[str, Any], fault: Fault) -> ConnectionError:
    """Closes the connection. The server takes the returned error for a client that went away."""
    connection = environ.get("werkzeug.socket")
    if isinstance(connection, socket.socket):
        connection.shutdown(socket.SHUT_RDWR)
    return ConnectionAbortedError(f"{fault.kind}: no answer for this call")


def _error_code(response: Response) -> str | None:
    if response.status_code < 400:
        return None
    data = response.get_data()
    if found := _CODE.search(data):
        return found.group(1).decode()
    try:
        return str(json.loads(data).get("__type", "")).rpartition("#")[2] or None
    except (ValueError, AttributeError):
        return None
