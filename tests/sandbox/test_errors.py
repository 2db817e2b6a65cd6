"""Errors of the gateway, in the form of the service that was called."""

import json
import xml.etree.ElementTree as ET

import pytest

from sandbox.api import errors


@pytest.mark.parametrize(
    "service",
    ["autoscaling", "cloudformation", "elasticloadbalancing", "iam", "rds", "sns"],
)
def test_query_services_are_answered_in_xml(service: str) -> None:
    for answer, code in (
        (errors.error(service, "Teapot", "short & stout", 418), "Teapot"),
        (errors.throttled(service), "Throttling"),
        (errors.denied(service, "no"), "AccessDenied"),
        (errors.unknown_key(service, "more"), "InvalidClientTokenId"),
    ):
        found = ET.fromstring(answer.get_data())
        assert found.findtext("Error/Code") == code
        assert answer.content_type == "text/xml"


@pytest.mark.parametrize("service", ["logs", "secretsmanager", "ssm", "no-such-service"])
def test_others_are_answered_in_json(service: str) -> None:
    answer = errors.error(service, "Teapot", "short & stout", 418)
    assert json.loads(answer.get_data()) == {"__type": "Teapot", "message": "short & stout"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"'{'vol-1'}' is gone", b"'vol-1' is gone"),
        (b"&#x27;{&#x27;a-1&#x27;, &#x27;b-2&#x27;}&#x27;", b"&#x27;a-1, b-2&#x27;"),
        (b'{"message": "one"}', b'{"message": "one"}'),
        (b"{}", b"{}"),
        (
            b"<Message>The security group &#x27;sg-1, sg-2&#x27; does not exist</Message>",
            b"<Message>The security groups &#x27;sg-1, sg-2&#x27; do not exist</Message>",
        ),
        (
            b"The image id '[ami-1, ami-2]' does not exist",
            b"The image ids '[ami-1, ami-2]' do not exist",
        ),
        (b"The volume 'vol-1' does not exist", b"The volume 'vol-1' does not exist"),
        (b"The instance IDs 'i-1, i-2' do not exist", b"The instance IDs 'i-1, i-2' do not exist"),
    ],
)
def test_a_message_has_no_set_in_it(text: bytes, expected: bytes) -> None:
    assert errors.plain(text) == expected
