"""Which layer a bake starts from, and which layers are still needed."""

from pathlib import Path
from typing import Any

import pytest

from spotkiln import tags as t
from spotkiln.bake.base import usable
from spotkiln.bake.disk import ImageDisk
from spotkiln.bake.image import Image, ImageState
from spotkiln.bake.layer import Layer, Layered, choose, layer_of, unneeded
from spotkiln.bake.recipe import Recipe
from spotkiln.bake.source import Source
from tests.unit import nouns

ARCHIVE = Path("/runs/1/source/lock.tar.gz")


def source(**app: Any) -> Source:
    given = {"dependencies": "bundle install", "lock": ("Gemfile.lock",), **app}
    settled = nouns.settled(**given)
    return nouns.source(app=settled, lock_archive=ARCHIVE, lock_digest="10c" * 14)


def layer(of: Source | None = None, base: str = "ami-base", secrets: Any = ()) -> Layer:
    found = layer_of(of or source(), base, secrets)
    assert found
    return found


def made(one: Layer, name: str, *, age_hours: float = 0, **changes: Any) -> Image:
    """Its image, as a bake leaves it."""
    tags = {**one.image_tags("run-1", "admin"), t.STATE: str(ImageState.LAYER)}
    image = nouns.image(name, age_hours=age_hours)
    return image.model_copy(update={"name": one.image_name, "tags": tags, **changes})


def baked_from(one: Layer, name: str, *, failed: bool = False) -> Image:
    tag = f"{one.owner} failed" if failed else one.owner
    return nouns.image(name).with_tags(**{t.FROM_LAYER: tag})


def with_(**changes: str) -> Layer:
    """The same, of other inputs."""
    return Layer(app="demo-web-app", recipe=Recipe(inputs={**layer().recipe.inputs, **changes}))


SAME = layer()
OTHER = with_(lock="0" * 12)


def test_what_decides_a_layer() -> None:
    differ = {
        "base": layer(base="ami-new"),
        "lock": layer(source().model_copy(update={"lock_digest": "11" * 20})),
        "variables": layer(source(dependencies="bundle install --quiet")),
        "secrets": layer(secrets=["NPM_TOKEN"]),
    }
    for name, other in differ.items():
        assert SAME.recipe.differences(other.recipe.to_tag()) == [name]
        assert other.owner != SAME.owner


@pytest.mark.parametrize(
    "changes",
    [
        {"build": "make"},
        {"environment": {"A": "1"}},
        {"start": "bundle exec thin"},
        {"writable": ("tmp",)},
        {"test_services": ("redis",)},
    ],
)
def test_what_does_not_decide_it(changes: dict[str, Any]) -> None:
    assert layer(source(**changes)) == SAME


@pytest.mark.parametrize("changes", [{"user": "shop"}, {"build_environment": {"A": "1"}}])
def test_what_its_command_sees_decides_it(changes: dict[str, Any]) -> None:
    assert layer(source(**changes)).owner != SAME.owner


def test_its_name_is_ours_and_no_other_kinds() -> None:
    image = made(SAME, "ami-1")
    assert (image.ours, image.is_layer, image.is_base, image.line) == (True, True, False, "")
    assert image.release == SAME.owner
    untagged = image.model_copy(update={"tags": {}})
    assert (untagged.ours, untagged.is_layer, untagged.release) == (True, True, SAME.owner)
    assert image.base == "ami-base"
    assert not image.released
    assert usable([image]) == []


def test_the_same_is_started_from() -> None:
    found = choose(SAME, "", [made(OTHER, "ami-other"), made(SAME, "ami-same")])
    assert found.image is not None
    assert (found.image.id, found.bake) == ("ami-same", False)
    assert found.why == (
        "starts from ami-same: lock files, dependencies command and base image are the same"
    )
    assert found.tags == {t.FROM_LAYER: SAME.owner}


def test_the_first_is_baked_first() -> None:
    found = choose(SAME, "", [nouns.image("ami-app")])
    assert (found.image, found.bake) == (None, True)
    assert found.why == "a layer is baked first: demo-web-app has none yet"


def test_what_differs_is_told() -> None:
    """By the newest."""
    older = made(with_(base="ami-older"), "ami-old", age_hours=2)
    found = choose(SAME, "", [older, made(OTHER, "ami-other", age_hours=1)])
    assert found.bake
    assert found.why == (
        "a layer is baked first: compared with ami-other, the newest, these differ: lock"
    )


@pytest.mark.parametrize(
    "changes", [{"available": False}, {"tags": SAME.image_tags("run-1", "admin")}]
)
def test_one_that_is_not_complete_is_none(changes: dict[str, Any]) -> None:
    assert choose(SAME, "", [made(SAME, "ami-1", **changes)]).bake


def test_none_where_nobody_knows_its_files() -> None:
    found = choose(None, "package.json has the script postinstall", ())
    assert (found.image, found.bake, found.tags) == (None, False, {})
    assert found.why == "no layer: package.json has the script postinstall"
    assert layer_of(nouns.source(), "ami-base", ()) is None


def test_one_that_could_not_be_baked_is_not_tried_again() -> None:
    """Until its lock files, its command or its base are others."""
    found = choose(SAME, "", [baked_from(SAME, "ami-app", failed=True)])
    assert (found.image, found.bake) == (None, False)
    assert "no layer: it could not be baked for ami-app; `lock` may lack a file" in found.why
    assert found.tags == {t.FROM_LAYER: f"{SAME.owner} failed"}
    assert choose(OTHER, "", [baked_from(SAME, "ami-app", failed=True)]).bake
    # Somebody has baked it since.
    assert choose(SAME, "", [baked_from(SAME, "ami-a", failed=True), made(SAME, "ami-l")]).image


def test_what_is_done_without_it_remembers_what_failed() -> None:
    begun = Layered(layer=SAME, bake=True, why="a layer is baked first")
    failed = begun.without("it could not be baked: no", failed=True)
    assert (failed.bake, failed.why) == (False, "no layer: it could not be baked: no")
    assert failed.tags == {t.FROM_LAYER: f"{SAME.owner} failed"}
    assert begun.without("another release", failed=False).tags == {t.FROM_LAYER: SAME.owner}
    done = begun.started(made(SAME, "ami-1"))
    assert (done.image and done.image.id, done.bake) == ("ami-1", False)


def test_the_newest_and_those_of_images_that_are_kept_are_needed() -> None:
    newest, kept = made(SAME, "ami-new"), made(OTHER, "ami-kept", age_hours=1)
    over = made(with_(base="ami-older"), "ami-over", age_hours=2)
    everything = [newest, kept, over, baked_from(OTHER, "ami-version")]
    assert unneeded(everything) == [over]
    assert unneeded(everything[:3]) == [kept, over]
    assert unneeded(everything, {"demo-web-app"}) == []
    assert unneeded(everything, {"demo-web"}) == [over]


def test_each_application_has_its_own_newest() -> None:
    mine = made(SAME, "ami-1")
    theirs = Layer(app="shop", recipe=OTHER.recipe)
    assert unneeded([mine, made(theirs, "ami-2", age_hours=9)]) == []


def test_what_is_not_ours_or_to_be_kept_stays() -> None:
    newest = made(SAME, "ami-new")
    copy = made(OTHER, "ami-copy", age_hours=1, copied_from="eu-west-1/ami-1")
    kept = made(OTHER, "ami-kept", age_hours=1)
    kept = kept.with_tags(**{t.KEEP: "by alice"})
    assert unneeded([newest, copy, kept]) == []


def test_a_layer_has_the_disk_of_its_builder() -> None:
    plain = layer_of(source(), "ami-base", ())
    assert plain == layer_of(source(), "ami-base", (), ImageDisk())
    assert plain != layer_of(source(), "ami-base", (), ImageDisk(size_gib=40))
