"""What a release does about the layer of its dependencies, whatever becomes of that."""

import pytest

from spotkiln.aws.bake.builder import Taken
from spotkiln.bake.image import Image
from spotkiln.bake.layer import Layer, Layered
from spotkiln.bake.recipe import Recipe
from spotkiln.errors import BuildFailed, InfrastructureError, SpotkilnError
from spotkiln.release.book import Book, Heading
from spotkiln.release.happening import LayerBaked
from spotkiln.release.release import Outcome, Release, ReleaseSpec
from spotkiln.release.summary import kept, owners
from spotkiln.tasks.release import steps
from tests.unit import nouns
from tests.unit.release.paths import IMAGE, World

LAYER = Layer(app="demo-web-app", recipe=Recipe(inputs={"lock": "1"}))
FIRST = Layered(layer=LAYER, bake=True, why="a layer is baked first")
MADE = nouns.image("ami-layer")


class Baking:
    """A release whose bake is asked what it starts from."""

    def __init__(self, patch: pytest.MonkeyPatch, layer: Image | BaseException) -> None:
        self.world = World(patch)
        self.world.answers |= {"find layer": FIRST, "bake layer": layer}
        self.given: list[Layered] = []
        patch.setattr(steps, "packer_build", self._bake)

    def _bake(self, _: object, layered: Layered) -> Image:
        self.given.append(layered)
        self.world.step("bake")
        return IMAGE

    def release(self) -> Release:
        return self.world.release()


def test_it_is_baked_before_the_image_and_the_image_starts_from_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    baking = Baking(monkeypatch, MADE)
    assert baking.release().outcome is Outcome.RELEASED
    assert [x for x in baking.world.taken if "layer" in x or x == "bake"] == [
        "find layer", "bake layer", "bake",
    ]  # fmt: skip
    (given,) = baking.given
    assert given.image == MADE
    assert baking.world.published[0].layer == "starts from ami-layer, baked just now"


@pytest.mark.parametrize(
    ("error", "failed"),
    [
        (Taken("security group x is there already"), False),
        (BuildFailed("no such file"), True),
        (InfrastructureError("Packer failed"), False),
    ],
)
def test_without_it_the_image_is_baked_all_the_same(
    monkeypatch: pytest.MonkeyPatch, error: SpotkilnError, *, failed: bool
) -> None:
    """Only where the command itself failed it is not tried the next time."""
    baking = Baking(monkeypatch, error)
    assert baking.release().outcome is Outcome.RELEASED
    (given,) = baking.given
    assert (given.image, given.bake, given.failed) == (None, False, failed)
    assert given.why.startswith("no layer: ")
    assert baking.world.published[0].layer == given.why


def test_one_that_is_there_is_not_baked(monkeypatch: pytest.MonkeyPatch) -> None:
    baking = Baking(monkeypatch, MADE)
    baking.world.answers["find layer"] = Layered(layer=LAYER, image=MADE, why="the same")
    assert baking.release().layer == "the same"
    assert "bake layer" not in baking.world.taken
    assert baking.given[0].image == MADE


def test_an_end_from_outside_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    baking = Baking(monkeypatch, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        baking.release()
    assert baking.given == []
    assert baking.world.published[0].outcome is Outcome.CANCELLED


def test_the_ledger_knows_it() -> None:
    """It stays however the release ends."""
    heading = Heading(
        id=nouns.RELEASE, run="run-1", spec=ReleaseSpec(app=nouns.app()), started=nouns.START
    )
    book = Book(heading).plus(LayerBaked(layer=LAYER, image=MADE))
    assert kept(book) == {"ami-layer": "a layer, which later bakes start from"}
    assert owners(book)[LAYER.owner] == LAYER.image_name
    assert list(owners(book)) == [nouns.RELEASE, LAYER.owner]
