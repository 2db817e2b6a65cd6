"""AWS's tags are the journal."""

from hypothesis import given
from hypothesis import strategies as st

from spotkiln import tags as t


def test_release_tags_are_what_everything_carries() -> None:
    assert t.release_tags(app="a", release="r", run="u", commit="c", target_group="g") == {
        "Name": "a",
        "spotkiln:app": "a",
        "spotkiln:release": "r",
        "spotkiln:run": "u",
        "spotkiln:commit": "c",
        "spotkiln:target-group": "g",
    }


def test_to_aws_is_sorted() -> None:
    assert t.to_aws({"b": "2", "a": "1"}) == [
        {"Key": "a", "Value": "1"},
        {"Key": "b", "Value": "2"},
    ]


def test_from_aws_takes_nothing_for_none() -> None:
    assert t.from_aws(None) == {}
    assert t.from_aws([]) == {}


@given(st.dictionaries(st.text(), st.text()))
def test_there_and_back(tags: dict[str, str]) -> None:
    assert t.from_aws(t.to_aws(tags)) == tags
