"""Ranges of versions as Gemfiles, package.json and pyproject.toml write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotkiln.bake.version import alone, compare, outside, parts

OLD, NEW = "too old", "too new"


@pytest.mark.parametrize(
    ("wanted", "has", "answer"),
    [
        (">=20", "18.19.0", OLD),
        (">=20", "20.19.2", ""),
        (">= 18.12 <21", "22.1.0", NEW),
        ("^18 || ^20", "20.19.2", ""),
        ("^18 || ^22", "20.19.2", OLD),
        ("^18.17.0 || >=20.3.0", "16.0.0", OLD),
        ("^0.10", "0.11.0", NEW),
        ("20.x", "20.19.2", ""),
        ("20.x", "22.0.0", NEW),
        ("20", "18.2.0", OLD),
        ("18 - 20", "20.19.2", ""),
        ("18 - 20", "21.0.0", NEW),
        ("<=20", "20.19.2", ""),
        (">18", "18.19.0", OLD),
        ("~20.1", "20.2.0", NEW),
        ("~> 3.2", "3.3.8", ""),
        ("~> 3.2.1", "3.3.8", NEW),
        ("3.2.2", "3.3.8", NEW),
        ("3.4.1", "3.3.8", OLD),
        (">= 3.1, < 3.4", "3.3.8", ""),
        (">=3.11,<3.13", "3.13.5", NEW),
        ("~=3.11", "3.13.5", ""),
        ("==3.12.*", "3.11.2", OLD),
        ("!=3.13.0,>=3.9", "3.13.0", NEW),
        ("*", "3.13.5", ""),
        ("lts/iron", "18.0.0", ""),
        (">=3.9; extra", "3.8.0", ""),
        ("", "3.8.0", ""),
    ],
)
def test_outside(wanted: str, has: str, answer: str) -> None:
    assert outside(wanted, parts(has)) == answer


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("3.3.8", (3, 3, 8)),
        ("v20", (20,)),
        ("ruby-3.2.2", (3, 2, 2)),
        ("3.14.0rc1", (3, 14, 0)),
        ("3.4.0-preview2", (3, 4, 0)),
        ("20.x", (20,)),
        ("lts/iron", None),
        ("jruby-9.4.8.0", None),
        ("system", None),
        (">=3.2", None),
        ("", None),
    ],
)
def test_a_version_alone(text: str, version: tuple[int, ...] | None) -> None:
    assert alone(text) == version


versions = st.lists(st.integers(0, 30), min_size=1, max_size=4).map(tuple)


@given(versions, versions)
def test_the_signs_agree_with_the_order(has: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    text = ".".join(map(str, wanted))
    assert (outside(f">={text}", has) == OLD) is (compare(has, wanted) < 0)
    assert (outside(f"<{text}", has) == NEW) is (compare(has, wanted) >= 0)


@given(st.text(max_size=30), versions)
def test_whatever_a_file_says_has_an_answer(text: str, has: tuple[int, ...]) -> None:
    assert outside(text, has) in {"", OLD, NEW}
    assert alone(text) is None or len(alone(text) or ()) > 0
