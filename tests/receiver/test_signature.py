"""Who signed a delivery: each host's own way, and everything that is almost right."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotkiln.receiver.signature import Unsigned, require, signed_by
from spotkiln.start.hooks import Host
from tests.receiver.deliveries import SECRET, SIGNING, signed, standard

NOW = datetime(2024, 5, 1, 12, tzinfo=UTC)
BODY = b'{"ref": "refs/heads/main"}'
SECRETS = {"first": "another secret altogether", "hooks": SECRET}


def verified(
    host: Host, headers: Mapping[str, str], body: bytes = BODY, secrets: Mapping[str, str] = SECRETS
) -> str:
    return signed_by(host, headers, body, secrets, NOW)


@pytest.mark.parametrize("host", Host)
def test_the_name_of_the_secret_is_told(host: Host) -> None:
    assert verified(host, signed(host, BODY)) == "hooks"


def test_known_signatures() -> None:
    """GitHub's own example, and what OpenSSL makes of it."""
    body, secret = b"Hello, World!", "It's a Secret to Everybody"
    digest = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    named = {"n": secret}
    assert verified(Host.GITHUB, {"x-hub-signature-256": f"sha256={digest}"}, body, named) == "n"
    assert verified(Host.GITEA, {"x-gitea-signature": digest}, body, named) == "n"


@pytest.mark.parametrize("host", Host)
def test_without_a_signature(host: Host) -> None:
    with pytest.raises(Unsigned, match="expected a header"):
        verified(host, {})
    # It is known before the body is.
    with pytest.raises(Unsigned, match="expected a header"):
        require(host, {"content-type": "application/json"})
    require(host, signed(host, BODY))


@pytest.mark.parametrize("host", Host)
def test_another_hosts_signature_is_none(host: Host) -> None:
    others = {k: v for one in Host if one is not host for k, v in signed(one, BODY).items()}
    with pytest.raises(Unsigned):
        verified(host, others)


@pytest.mark.parametrize("host", Host)
@given(data=st.data())
def test_anything_but_the_signature_is_refused(host: Host, data: st.DataObject) -> None:
    """Truncated, longer, with a letter changed, in capitals, beyond ASCII."""
    ((name, right),) = signed(host, BODY).items()
    at = data.draw(st.integers(0, len(right) - 1))
    wrong = data.draw(
        st.one_of(
            st.just(right[:at]),
            st.text(min_size=1, max_size=5).map(lambda more: right + more),
            st.characters().map(lambda one: right[:at] + one + right[at + 1 :]),
            st.just(right.upper()),
            st.text(max_size=80),
        ).filter(lambda text: text != right)
    )
    with pytest.raises(Unsigned):
        verified(host, {name: wrong})


@pytest.mark.parametrize("host", [Host.GITHUB, Host.GITEA, Host.BITBUCKET])
@given(body=st.binary(max_size=64))
def test_the_signature_is_of_the_very_body(host: Host, body: bytes) -> None:
    headers = signed(host, BODY)
    if body == BODY:
        assert verified(host, headers, body) == "hooks"
    else:
        with pytest.raises(Unsigned):
            verified(host, headers, body)


def test_no_secret_is_told() -> None:
    for host in Host:
        for headers in ({}, signed(host, BODY, "somebody else's")):
            with pytest.raises(Unsigned) as caught:
                verified(host, headers)
            assert not any(secret in str(caught.value) for secret in SECRETS.values())


# -- GitLab's signing token --

SIGNED = {"old": "a plain token", "new": SIGNING}


def test_a_signing_token_beside_a_plain_one() -> None:
    assert verified(Host.GITLAB, standard(BODY, NOW.timestamp()), BODY, SIGNED) == "new"
    assert verified(Host.GITLAB, {"x-gitlab-token": "a plain token"}, BODY, SIGNED) == "old"


def test_the_example_of_the_specification() -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    at = datetime.fromtimestamp(1614265330, UTC)
    body = b'{"test": 2432232314}'
    assert signed_by(Host.GITLAB, headers, body, {"spec": secret}, at) == "spec"


def test_the_token_itself_is_no_signature() -> None:
    with pytest.raises(Unsigned):
        verified(Host.GITLAB, {"x-gitlab-token": SIGNING}, BODY, SIGNED)


def test_one_of_several_signatures_is_enough() -> None:
    headers = standard(BODY, NOW.timestamp())
    headers["webhook-signature"] = "v1,AAAA v1a,BBBB " + headers["webhook-signature"]
    assert verified(Host.GITLAB, headers, BODY, SIGNED) == "new"


@pytest.mark.parametrize("minutes", [-6, 6, 60 * 24 * 365])
def test_an_old_delivery_is_refused(minutes: int) -> None:
    at = NOW + timedelta(minutes=minutes)
    with pytest.raises(Unsigned, match="five minutes"):
        verified(Host.GITLAB, standard(BODY, at.timestamp()), BODY, {"new": SIGNING})


@pytest.mark.parametrize(
    "changes",
    [
        {"webhook-id": "msg_2"},
        {"webhook-id": ""},
        {"webhook-timestamp": "1714564801"},
        {"webhook-timestamp": "now"},
        {"webhook-timestamp": "9" * 400},
        {"webhook-timestamp": "١٢٣"},
        {"webhook-signature": ""},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "v2,é"},
    ],
)
def test_the_signature_covers_id_and_time(changes: dict[str, str]) -> None:
    headers = {**standard(BODY, NOW.timestamp()), **changes}
    with pytest.raises(Unsigned):
        verified(Host.GITLAB, headers, BODY, {"new": SIGNING})


def test_a_broken_signing_token_fits_nothing() -> None:
    with pytest.raises(Unsigned):
        verified(Host.GITLAB, standard(BODY, NOW.timestamp()), BODY, {"new": "whsec_%%%"})
