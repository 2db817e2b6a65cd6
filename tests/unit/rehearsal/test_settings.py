"""The settings of a rehearsal, from their file."""

from pathlib import Path

import pytest

from rehearsal.settings import FILE, parse, read
from spotkiln.errors import InputError


def test_names_and_values_as_a_shell_reads_them() -> None:
    text = """
# a comment
A=1
export B="two words # no comment"
C='it''s'   # a comment
D=http://x/#a  # a comment
E=a=b
"""
    assert parse(text, "x.env") == {
        "A": "1",
        "B": "two words # no comment",
        "C": "its",
        "D": "http://x/#a",
        "E": "a=b",
    }


@pytest.mark.parametrize(
    "line", ["s3cret", "1A=s3cret", "A B=s3cret", "A='s3cret", "A='s3cret' s3cret", "A="]
)
def test_a_wrong_line_is_named_and_never_told(line: str) -> None:
    with pytest.raises(InputError, match=r"x\.env, line 2") as caught:
        parse(f"GOOD=1\n{line}\n", "x.env")
    assert "s3cret" not in str(caught.value)


def test_a_value_longer_than_a_parameter_may_be_is_refused() -> None:
    with pytest.raises(InputError, match="4096 bytes"):
        parse("A=" + "x" * 4097, "x.env")


def test_a_value_may_hold_what_is_called_the_end_of_a_line_elsewhere() -> None:
    assert parse("A=one\u2028two\r\nB=\x0bthree\x85\x1cfour\n", "x.env") == {
        "A": "one\u2028two",
        "B": "three\x85\x1cfour",
    }


def test_the_usual_file_need_not_be_there_but_one_that_was_named(tmp_path: Path) -> None:
    assert read(None, tmp_path / FILE) == {}
    with pytest.raises(InputError, match=r"none\.env"):
        read(tmp_path / "none.env", tmp_path / FILE)
    (tmp_path / ".spotkiln").mkdir()
    (tmp_path / ".spotkiln" / "rehearsal.env").write_text("A=1\n")
    assert read(None, tmp_path / FILE) == {"A": "1"}
