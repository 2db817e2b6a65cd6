"""What has been released in another account or region is taken from there, by its digest."""

from typing import Any

import pytest
from pydantic import ValidationError

from spotkiln import tags as t
from spotkiln.bake.elsewhere import Elsewhere, bases_of, take
from spotkiln.bake.image import Image
from spotkiln.bake.recipe import Recipe
from spotkiln.bake.served import Served
from spotkiln.bake.twin import pair
from spotkiln.errors import InputError
from tests.unit import nouns
from tests.unit.nouns import START

THERE = "account 111111111111 in eu-west-1"
HERE = Recipe(inputs={"source": "12ab", "base": "ami-here", "tests": "f00"})


def made(name: str = "ami-1", *, age_hours: float = 1, **changes: str) -> Image:
    """Released there, on another base image."""
    inputs = {**HERE.inputs, "base": "ami-there", **changes}
    recipe = Recipe(inputs=inputs)
    told = {"state": "tested", "released": "2026-01-01T00:00:00+00:00"}
    marks = {"recipe": recipe.digest, "inputs": recipe.to_tag()}
    return nouns.image(name, age_hours=age_hours, **told, **marks)


def test_the_newest_of_the_same_digest_is_taken_on_whichever_base() -> None:
    images = [made("ami-old", age_hours=9), made("ami-new"), made("ami-later", source="34cd")]
    taken = take(HERE, images, THERE)
    assert taken.image.id == "ami-new"
    assert taken.recipe.digest == taken.image.recipe
    assert str(taken) == f"ami-new of {THERE}"


def test_without_it_what_differs_is_said() -> None:
    with pytest.raises(InputError, match="these inputs differ: source, tests"):
        take(HERE, [made(source="34cd", tests="bar")], THERE)
    with pytest.raises(InputError, match="nothing of it has been released there"):
        take(HERE, [], THERE)


def test_only_what_has_been_released_there_is_taken() -> None:
    candidate = made().with_tags(**{t.STATE: "candidate"})
    never = made().model_copy(update={"tags": {**made().tags}})
    never.tags.pop(t.RELEASED)
    gone = made().model_copy(update={"available": False})
    for one in (candidate, never, gone):
        with pytest.raises(InputError, match="nothing of it has been released there"):
            take(HERE, [one], THERE)


def test_what_a_verdict_blames_there_is_not_taken() -> None:
    suspect = made().with_tags(**{t.SUSPECT: "2026-02-01T00:00:00+00:00 website: it hangs"})
    with pytest.raises(InputError, match="has the same digest, but is suspect"):
        take(HERE, [suspect], THERE)
    assert take(HERE, [suspect, made("ami-2", age_hours=5)], THERE).image.id == "ami-2"
    left = Served(since=START, until=START, left=True).to_tag()
    gone = made().with_tags(**{f"{t.SERVED}website": left})
    with pytest.raises(InputError, match="but a rollback of website has left it"):
        take(HERE, [gone], THERE)


def test_the_base_is_the_one_that_the_newest_was_baked_on() -> None:
    (base,) = bases_of([made()], "shop", THERE)
    assert (base.id, base.has, base.services) == ("ami-there", {}, None)
    with pytest.raises(InputError, match="has no released image of shop: release it there first"):
        bases_of([], "shop", THERE)


def both() -> Image:
    """Released there for two architectures."""
    first = made(other_base="ami-arm")
    recipe = Recipe(inputs={**HERE.inputs, "base": "ami-arm", "other_base": "ami-there"})
    marks = {t.RECIPE: recipe.digest, t.INPUTS: recipe.to_tag()}
    twin = first.with_tags(**marks).model_copy(
        update={"id": "ami-twin", "name": f"{first.name}/arm64", "architecture": "arm64"}
    )
    return pair(first, twin)


BOTH_HERE = Recipe(inputs={**HERE.inputs, "other_base": "ami-other-here"})


def test_what_is_for_two_architectures_is_taken_with_its_twin() -> None:
    bases = bases_of([both(), made("ami-old", age_hours=9)], "shop", THERE)
    assert [(one.id, one.architecture) for one in bases] == [
        ("ami-there", "x86_64"),
        ("ami-arm", "arm64"),
    ]
    taken = take(BOTH_HERE, [both(), made("ami-newer", age_hours=0)], THERE)
    assert taken.image.ids == ("ami-1", "ami-twin")
    twin = taken.twin
    assert twin
    assert (taken.recipe.digest, twin.recipe.digest) == (taken.image.recipe, twin.image.recipe)
    assert (str(twin), twin.twin) == (f"ami-twin of {THERE}", None)


def test_one_of_two_is_never_taken_alone() -> None:
    with pytest.raises(InputError, match="nothing of it has been released there"):
        take(BOTH_HERE, [both().alone], THERE)
    # Nor is one for one architecture taken for two, or the other way round.
    for recipe, image in ((BOTH_HERE, made()), (HERE, both())):
        with pytest.raises(InputError, match="these inputs differ: other_base"):
            take(recipe, [image], THERE)


ROLE = "arn:aws:iam::111111111111:role/taken-from"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "a region, a role_arn or both"),
        ({"region": "eu-west-1", "external_id": "acme"}, "a role_arn beside external_id"),
        ({"role_arn": ROLE, "external_id": "x"}, "match pattern"),
        ({"role_arn": ROLE, "external_id": "x" * 1225}, "at most 1224 characters"),
        ({"role_arn": "arn:aws:iam::1:role/x"}, "match pattern"),
        ({"region": "Ireland"}, "match pattern"),
    ],
)
def test_it_says_where(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Elsewhere.model_validate(given)


def test_a_role_tells_the_account() -> None:
    assert Elsewhere(role_arn=ROLE).account == "111111111111"
    assert Elsewhere(region="us-east-1").account == ""
