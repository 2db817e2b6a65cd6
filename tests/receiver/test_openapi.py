"""Whatever the receiver's own OpenAPI schema allows, and what it does not: answered as the schema
says, never with a 500."""

from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from spotkiln.push import Host
from tests.receiver.deliveries import signed
from tests.receiver.service import Service

# Not that valid data is accepted: a delivery without signature is valid too.
CHECKS = [
    *(not_a_server_error, status_code_conformance, content_type_conformance),
    *(response_headers_conformance, response_schema_conformance),
]


@pytest.fixture(scope="session")
def openapi(receiver: Service) -> Any:
    return schemathesis.openapi.from_url(f"{receiver.http.base_url}/openapi.json")


schema = schemathesis.pytest.from_fixture("openapi")


@schema.parametrize()
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_as_it_comes(case: "Case[Any]") -> None:
    case.call_and_validate(checks=CHECKS)


@schema.include(path_regex="^/push/").parametrize()
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_signed(case: "Case[Any]", receiver: Service) -> None:
    """With a signature that fits, so that the body is looked at."""
    request = requests.Request(**case.as_transport_kwargs()).prepare()
    body = request.body or b""
    body = body.encode() if isinstance(body, str) else body
    host = str(request.url).rpartition("/push/")[2].partition("?")[0]
    if host in set(Host):
        request.headers.update(signed(Host(host), body))
    with requests.Session() as session:
        answer = session.send(request, timeout=30)
    case.validate_response(answer, checks=CHECKS)
    assert answer.status_code != 401 or host not in set(Host)
