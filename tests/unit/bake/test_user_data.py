"""User data of one's own beside ours."""

import base64
import email

import pytest

from spotkiln.bake.user_data import combined
from spotkiln.serve.role import server_user_data

OURS = server_user_data()


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def both(text: str) -> str:
    return base64.b64decode(combined(OURS, encoded(text))).decode()


def test_without_theirs_ours_stay() -> None:
    assert combined(OURS, "") == OURS


@pytest.mark.parametrize(
    ("theirs", "expected"),
    [
        ("#!/bin/sh\necho hello\n", "#!/bin/sh\n# spotkiln-role: server\necho hello\n"),
        ("#!/bin/true", "#!/bin/true\n# spotkiln-role: server\n"),
        (
            "#cloud-config\npackages: [jq]\n",
            "#cloud-config\n# spotkiln-role: server\npackages: [jq]\n",
        ),
        (
            "## template: jinja\n#cloud-config\npackages: [jq]\n",
            "## template: jinja\n#cloud-config\n# spotkiln-role: server\npackages: [jq]\n",
        ),
        ("#include\nhttps://x/y\n", "#include\n# spotkiln-role: server\nhttps://x/y\n"),
    ],
)
def test_ours_are_comments_in_theirs(theirs: str, expected: str) -> None:
    assert both(theirs) == expected


def test_the_parts_of_a_message_stay_as_they_are() -> None:
    theirs = (
        'Content-Type: multipart/mixed; boundary="x"\nMIME-Version: 1.0\n\n--x\n'
        "Content-Type: text/x-shellscript\n\n#!/bin/sh\necho hello\n--x\n"
        "Content-Type: text/cloud-config\n\n#cloud-config\npackages: [jq]\n--x--\n"
    )
    found = both(theirs)
    assert "\n# spotkiln-role: server\n" in found

    def parts(text: str) -> list[str]:
        return [str(one.get_payload()) for one in email.message_from_string(text).walk()][1:]

    assert parts(found) == parts(theirs)
    assert len(parts(theirs)) == 2


@pytest.mark.parametrize(
    ("theirs", "why"),
    [
        ("hello", "of a kind that cannot be added to"),
        ("#!/bin/sh\n# spotkiln-role: task\n", "begins with '# spotkiln-'"),
        ("#!/bin/sh\n" + "x" * 16384, "EC2 takes 16384"),
        ("Content-Type: text/x-shellscript\n", "without parts"),
    ],
)
def test_what_cannot_be_added_to_is_refused(theirs: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        combined(OURS, encoded(theirs))


def test_compressed_ones_are_refused() -> None:
    with pytest.raises(ValueError, match="no text"):
        combined(OURS, base64.b64encode(b"\x1f\x8b\x08\x00").decode())
