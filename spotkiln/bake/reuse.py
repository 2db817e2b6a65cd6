"""Reuse: whether a release takes an image that is there, and why or why not."""

from collections.abc import Iterable

from spotkiln import tags as t
from spotkiln.bake.image import Image, ImageState, newest
from spotkiln.bake.recipe import Recipe
from spotkiln.noun import Noun


class Reuse(Noun):
    """The image to take, if there is one, and why or why not: `differ` are the inputs that differ
    from those of the newest released one. `files_serve`: what serves was made from these very
    files, whatever else of it differs. `serving` is the image that does. `copies`: without an image
    one is copied, and none baked."""

    image: Image | None
    why: str
    differ: tuple[str, ...] = ()
    files_serve: bool = False
    serving: Image | None = None
    copies: bool = False

    def __str__(self) -> str:
        done = "reusing" if self.image else "copying" if self.copies else "baking anew"
        return f"{done}: {self.why}"


def reuse(recipe: Recipe, app: str, images: Iterable[Image], serves: str = "") -> Reuse:
    """Which image to take of an application's `images`; `serves` is the id of the one that does."""
    known = list(images)
    serving = next((image for image in known if image.id == serves), None)
    same = serving is not None and "source" not in recipe.differences(serving.inputs)
    return _choose(recipe, app, known, serves).model_copy(
        update={"files_serve": same, "serving": serving}
    )


def _choose(recipe: Recipe, app: str, images: list[Image], serves: str) -> Reuse:
    """The newest of an application's `images` with this recipe that was released and is there.

    One that was tested but never released belongs to a run that may yet discard it. A suspect one
    is baked anew, as a rejected one is: what is wrong may be in the image alone. But not where it
    serves already (the id of the image that does): it is sound there.
    """
    released = [image for image in images if t.RELEASED in image.tags]
    fitting = [
        image
        for image in released
        if image.recipe == recipe.digest and image.whole and image.state is ImageState.TESTED
    ]
    same = newest([image for image in fitting if image.id == serves or not image.suspect])
    if same is None and (suspect := newest(fitting)):
        why = f"image {suspect.id} has the same recipe, but is suspect: {suspect.suspect}"
        return Reuse(image=None, why=why)
    if same:
        why = f"image {same.id} has the same recipe {recipe.digest[:12]} and was released"
        return Reuse(image=same, why=why)
    last = newest(released)
    if last is None:
        return Reuse(image=None, why=f"no image of {app} was released before")
    differ = recipe.differences(last.inputs)
    listed = ", ".join(differ) or "nothing that its tag names"
    why = f"compared with {last.id}, the newest released, these inputs differ: {listed}"
    return Reuse(image=None, why=why, differ=tuple(differ))
