"""What a nightly run is asked for, which applications it means, and its page."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from spotkiln.errors import InputError
from spotkiln.start.applications import chosen
from spotkiln.start.night import (
    Exposed,
    Night,
    NightOutcome,
    NightSpec,
    Rebuilt,
    is_on,
    night_page,
)
from tests.unit.nouns import START, image

BASE = "rails-base 2024-05-01 03-07 base-0123456789ab"
DEPLOYED: dict[str, dict[str, Any]] = {
    "shop": {"app": {"name": "shop"}},
    "shop-staging": {"infra": {"target_group": "staging"}},
    "blog": {"infra": {"base_image": "rails-base*"}},
    "api": {"infra": {"base_image": "python-base*"}},
}


@pytest.mark.parametrize("value", [None, "", "on", "On ", True, "true", "yes", 1])
def test_it_is_on_unless_somebody_says_otherwise(value: object) -> None:
    assert is_on(value)


@pytest.mark.parametrize("value", ["off", "OFF", False, "false", "no", 0])
def test_it_is_off(value: object) -> None:
    assert not is_on(value)


@pytest.mark.parametrize("value", ["of", "maybe", 2, ["off"]])
def test_a_switch_that_says_neither_is_an_error(value: object) -> None:
    with pytest.raises(InputError, match="`on` or `off`"):
        is_on(value)


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ([], []),
        (["*"], ["blog", "shop", "shop-staging"]),
        (["shop"], ["shop"]),
        (["release/shop", "blog"], ["blog", "shop"]),
        (["shop*"], ["shop", "shop-staging"]),
        (["shop", "shop", "*"], ["blog", "shop", "shop-staging"]),
    ],
)
def test_applications_are_those_named_that_build_on_it(wanted: list[str], names: list[str]) -> None:
    assert list(chosen(DEPLOYED, wanted, BASE).names) == names


def test_one_for_two_architectures_belongs_to_the_nights_of_both_lines() -> None:
    both = {"infra": {"base_image": "python-base", "other_base_image": "rails-arm"}}
    deployed = {**DEPLOYED, "both": both}
    assert chosen(deployed, ["*"], BASE.replace("rails-base", "rails-arm")).names == ("both",)
    assert chosen(deployed, ["*"], BASE.replace("rails-base", "python-base")).names == (
        "api",
        "both",
    )
    assert "both" not in chosen(deployed, ["*"], BASE).names
    with pytest.raises(InputError, match="but on 'python-base' and 'rails-arm'; change its infra"):
        chosen(deployed, ["both"], BASE)


TAKES: dict[str, Any] = {"images": {"take_from": {"region": "eu-west-1"}}}


@pytest.mark.parametrize(
    ("wanted", "names", "left_out"),
    [
        (["*"], ["blog", "shop", "shop-staging"], ["shop-production"]),
        (["shop*"], ["shop", "shop-staging"], ["shop-production"]),
        (["shop"], ["shop"], []),
        (["release/shop-production"], ["shop-production"], []),
        (["*", "shop-production"], ["blog", "shop", "shop-production", "shop-staging"], []),
    ],
)
def test_what_takes_its_images_from_elsewhere_is_released_only_by_its_name(
    wanted: list[str], names: list[str], left_out: list[str]
) -> None:
    deployed = {**DEPLOYED, "shop-production": TAKES}
    found = chosen(deployed, wanted, BASE)
    assert [list(found.names), list(found.left_out)] == [names, left_out]
    # What serves there is looked at all the same.
    assert set(found.looked_at) == {*names, *left_out}


def test_what_takes_its_images_from_elsewhere_builds_on_no_base() -> None:
    other = {"shop-production": {**TAKES, "infra": {"base_image": "python-base*"}}}
    assert chosen(other, ["*"], BASE).left_out == ()
    assert chosen(other, ["shop-production"], BASE).names == ("shop-production",)


def test_every_one_may_be_none() -> None:
    assert chosen({}, ["*"], BASE).names == ()


def test_a_name_that_means_nothing_is_an_error() -> None:
    with pytest.raises(InputError, match=r"no deployment release/shpo; there are: api, blog"):
        chosen(DEPLOYED, ["shop", "shpo"], BASE)
    with pytest.raises(InputError, match="'python-base\\*'"):
        chosen(DEPLOYED, ["api"], BASE)


@pytest.mark.parametrize(
    "bad",
    [{"side_by_side": 0}, {"quiet_hours": "at night"}, {"base": {"source_owner": "debian"}}],
)
def test_what_is_wrong_is_said_before_anything_is_done(bad: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        NightSpec.model_validate(bad)


def test_what_failed_is_what_went_wrong() -> None:
    outcomes = [
        "released",
        "unchanged",
        "quiet",
        "declined",
        "held",
        "superseded",
        "failed",
        "rolled back",
    ]
    failed = [x for x in outcomes if Rebuilt(application="shop", outcome=x).failed]
    assert failed == ["failed", "rolled back"]


def test_its_page_names_what_failed_with_its_run() -> None:
    night = Night(
        id="base-0123456789ab",
        run="r-1",
        outcome=NightOutcome.FAILED,
        why="1 of 2 applications could not be rebuilt",
        base=image("ami-base"),
        changed="packages",
        applications=(
            Rebuilt(application="shop", outcome="released", run="11111111-1", url="http://ui/1"),
            Rebuilt(application="blog", outcome="failed", run="22222222-2", cause="red | a\nb"),
        ),
        left_out=("shop-production",),
        pruned=("ami-old", "snap-old"),
        started=START,
        ended=START + timedelta(seconds=90),
    )
    page = night_page(night)
    assert "# Nightly rebuild: failed" in page
    assert "| shop | released | [11111111](http://ui/1) |  |" in page
    assert "| blog | failed | 22222222 | red \\| a b |" in page
    assert "ami-old, snap-old" in page
    assert "90 s" in page
    assert "take their images from elsewhere: shop-production." in page


def test_the_page_tells_what_is_known_of_what_serves() -> None:
    night = Night(
        id="base-1", run="run-1", outcome=NightOutcome.UNCHANGED, started=START, ended=START,
        exposed=(
            Exposed(application="shop", image="ami-1", told=("none", "needs a rebuild: <b>")),
        ),
    )  # fmt: skip
    page = night_page(night)
    assert "## Known vulnerabilities of what serves\n\n- **shop** (`ami-1`): none\n" in page
    assert "- **shop** (`ami-1`): needs a rebuild: \\<b\\>\n" in page
    assert "vulnerabilities" not in night_page(night.model_copy(update={"exposed": ()}))
