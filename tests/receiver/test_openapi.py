"""Whatever the receiver's own OpenAPI schema allows, and what it does not: answered as the schema
says, never with a 500."""

from collections.abc import Callable
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from spotkiln.start.hooks import Host
from tests.receiver.deliveries import signed
from tests.receiver.service import Service

# Not that valid data is accepted: a delivery without signature is valid too.
CHECKS = [
    *(not_a_server_error, status_code_conformance, content_type_conformance),
    *(response_headers_conformance, response_schema_conformance),
]


def requested(case: "Case[Any]") -> requests.PreparedRequest:
    return requests.Request(**case.as_transport_kwargs()).prepare()


def with_signature(case: "Case[Any]") -> requests.PreparedRequest:
    """One that fits, so that the body is looked at."""
    request = requested(case)
    body = request.body or b""
    host = str(request.url).partition("?")[0].rpartition("/")[2]
    if host in set(Host):
        raw = body.encode() if isinstance(body, str) else bytes(body)
        request.headers.update(signed(Host(host), raw))
    return request


@pytest.mark.parametrize("made", [requested, with_signature])
@pytest.mark.parametrize("mode", GenerationMode)
def test_all_that_the_schema_allows_and_what_it_does_not(
    receiver: Service,
    made: Callable[["Case[Any]"], requests.PreparedRequest],
    mode: GenerationMode,
) -> None:
    schema: Any = schemathesis.openapi.from_url(f"{receiver.http.base_url}/openapi.json")
    seen: set[int] = set()
    if mode is GenerationMode.NEGATIVE:
        # The other addresses take nothing that could be wrong.
        schema = schema.include(method="POST")
    for found in schema.get_all_operations():
        operation = found.ok()

        @settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(generation_mode=mode))
        def answered(case: "Case[Any]") -> None:
            with requests.Session() as session:
                answer = session.send(made(case), timeout=30)
            seen.add(answer.status_code)
            case.validate_response(answer, checks=CHECKS)

        answered()
    # It got as far as it can: to the signature, or behind it.
    assert 401 in seen or made is with_signature
    assert 422 in seen or made is requested
