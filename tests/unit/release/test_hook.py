"""Hooks: what may be asked for, and how a message is signed."""

import base64
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from spotkiln.receiver.signature import Unsigned, signed_by
from spotkiln.release.hook import Hook, Hooks, Message, Moment, signed
from spotkiln.start.hooks import Host

NOW = datetime(2024, 5, 1, 12, tzinfo=UTC)
MESSAGE = Message(
    moment=Moment.AFTER_STEP,
    app="shop",
    release="shop-0123456789ab",
    commit="c" * 40,
    image="ami-1",
    target_group="website",
    percent=10,
)
URL = "https://hooks.example.com/shop"


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"url": f"{URL}?token=secret"}, "without user or query"),
        ({"url": "https://me:secret@example.com/"}, "without user or query"),
        ({"url": "ftp://example.com/"}, "without user or query"),
        ({"url": URL, "command": "true"}, "got both"),
        ({"command": "one\ntwo"}, "line"),
        ({"seconds": 0}, "greater than or equal to 1"),
        ({"adress": URL}, "Extra inputs"),
    ],
)
def test_hooks_that_cannot_be(asked: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Hook.model_validate(asked)


def test_messages_are_signed_always() -> None:
    with pytest.raises(ValidationError, match="name of a Secret block"):
        Hooks(after_step=Hook(url=URL))
    found = Hooks(secret="hooks", after_step=Hook(url=URL), before_launch=Hook(command="true"))
    assert [moment for moment, one in found.each() if one.asked] == [
        Moment.BEFORE_LAUNCH,
        Moment.AFTER_STEP,
    ]
    assert not any(one.asked for _, one in Hooks().each())


# As a generator of such secrets makes them: 24 bytes in base64.
@pytest.mark.parametrize("secret", ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])
def test_a_signature_is_one_that_the_receiver_takes(secret: str) -> None:
    headers = signed(MESSAGE, secret, NOW)
    known = {"ours": secret}
    assert signed_by(Host.GITLAB, headers, MESSAGE.body, known, NOW) == "ours"
    with pytest.raises(Unsigned):
        signed_by(Host.GITLAB, headers, MESSAGE.body + b" ", known, NOW)
    with pytest.raises(Unsigned):
        other = {"ours": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSx"}
        signed_by(Host.GITLAB, headers, MESSAGE.body, other, NOW)


def test_a_secret_without_a_mark_is_the_key_itself() -> None:
    plain = signed(MESSAGE, "word", NOW)["webhook-signature"]
    marked = f"whsec_{base64.b64encode(b'word').decode()}"
    assert signed(MESSAGE, marked, NOW)["webhook-signature"] == plain


def test_each_try_has_the_same_id_and_each_step_its_own() -> None:
    assert MESSAGE.id == "shop-0123456789ab.after-step.10"
    assert MESSAGE.model_copy(update={"percent": 50}).id.endswith(".50")
    before = MESSAGE.model_copy(update={"moment": Moment.BEFORE_LAUNCH, "percent": None})
    assert before.id == "shop-0123456789ab.before-launch"
    assert b"percent" not in before.body
    assert before.environment() == {
        "SPOTKILN_MOMENT": "before launch",
        "SPOTKILN_RELEASE": "shop-0123456789ab",
        "SPOTKILN_COMMIT": "c" * 40,
    }
    assert MESSAGE.environment()["SPOTKILN_PERCENT"] == "10"
    script = before.script("npm run hook").splitlines()
    assert (script[0], script[-1]) == ("export SPOTKILN_MOMENT='before launch'", "npm run hook")
