"""`spotkiln traffic`: who gets how many of the requests."""

import pytest

from spotkiln.cli.traffic import Shares, look, text
from spotkiln.errors import InputError
from spotkiln.release.release import ReleaseSpec
from tests.unit import nouns


def test_it_tells_the_shares() -> None:
    found = Shares(weights={"shop": 90, "shop-green": 10})
    assert text(found) == "shop: 90 % of the requests\nshop-green: 10 % of the requests"
    assert (
        text(Shares(weights={"a": 0, "b": 0})) == "a: 0 % of the requests\nb: 0 % of the requests"
    )


def test_of_one_target_group_it_says_how_to_get_a_second() -> None:
    with pytest.raises(InputError, match="has one target group, website: --split NAME makes"):
        look(ReleaseSpec(app=nouns.app()))
