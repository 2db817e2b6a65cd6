"""Which image a release takes, and what it says of it."""

import pytest

from spotkiln.bake.image import Image
from spotkiln.bake.recipe import Recipe
from spotkiln.bake.reuse import reuse
from tests.unit import nouns

RECIPE = Recipe(inputs={"base": "ami-base", "source": "12ab"})
WHEN = "2024-05-01T12:00:00+00:00"


def made(name: str, recipe: Recipe = RECIPE, *, age_hours: float = 0, **tags: str) -> Image:
    settled = {"state": "tested", "released": WHEN, "recipe": recipe.digest}
    settled |= {"inputs": recipe.to_tag(), **tags}
    return nouns.image(name, age_hours=age_hours, **settled)


def test_the_newest_of_the_same_recipe_is_taken() -> None:
    found = reuse(RECIPE, "demo", [made("ami-1", age_hours=5), made("ami-2", age_hours=1)])
    assert found.image is not None
    assert found.image.id == "ami-2"
    assert (
        str(found)
        == f"reusing: image ami-2 has the same recipe {RECIPE.digest[:12]} and was released"
    )


@pytest.mark.parametrize(
    "image",
    [
        made("ami-1", state="rejected"),
        made("ami-1", state="candidate"),
        made("ami-1").model_copy(update={"available": False}),
    ],
)
def test_one_that_cannot_serve_is_not(image: Image) -> None:
    assert reuse(RECIPE, "demo", [image]).image is None


def test_one_that_was_never_released_belongs_to_another_run() -> None:
    image = made("ami-1")
    tags = {key: value for key, value in image.tags.items() if not key.endswith(":released")}
    found = reuse(RECIPE, "demo", [image.model_copy(update={"tags": tags})])
    assert (found.image, found.why) == (None, "no image of demo was released before")


def test_what_differs_from_the_newest_released_is_named() -> None:
    theirs = Recipe(inputs={"base": "ami-old", "source": "12ab"})
    older = Recipe(inputs={"base": "ami-old", "source": "99ff"})
    found = reuse(RECIPE, "demo", [made("ami-1", theirs), made("ami-0", older, age_hours=9)])
    assert found.image is None
    assert found.differ == ("base",)
    assert str(found) == (
        "baking anew: compared with ami-1, the newest released, these inputs differ: base"
    )


def test_a_suspect_one_is_baked_anew_unless_it_serves_there_already() -> None:
    suspect = made("ami-1", suspect="2024-05-01T13:00:00+00:00 website: crashing")
    found = reuse(RECIPE, "demo", [suspect])
    assert found.image is None
    assert str(found) == (
        "baking anew: image ami-1 has the same recipe, but is suspect: "
        "2024-05-01T13:00:00+00:00 website: crashing"
    )
    assert reuse(RECIPE, "demo", [suspect], "ami-1").image == suspect
    sound = made("ami-0", age_hours=1)
    assert reuse(RECIPE, "demo", [suspect, sound], "ami-9").image == sound


NEW_BASE = Recipe(inputs={"base": "ami-newer", "source": "12ab"})
NEW_FILES = Recipe(inputs={"base": "ami-base", "source": "99ff"})


@pytest.mark.parametrize(
    ("recipe", "serves", "same"),
    [
        (RECIPE, "ami-1", True),
        (NEW_BASE, "ami-1", True),
        (NEW_FILES, "ami-1", False),
        (RECIPE, "ami-2", False),
        (RECIPE, "", False),
        (RECIPE, "ami-gone", False),
    ],
)
def test_whether_what_serves_was_made_from_these_files(
    recipe: Recipe, serves: str, same: bool
) -> None:
    images = [made("ami-1"), made("ami-2", NEW_FILES)]
    assert reuse(recipe, "demo", iter(images), serves).files_serve is same
