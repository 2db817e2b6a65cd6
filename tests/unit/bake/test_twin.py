"""The two images of a release for two architectures, and what becomes of them."""

from pathlib import Path

import pytest

from spotkiln import tags as t
from spotkiln.bake.builder import BuildSettings
from spotkiln.bake.image import Image, discardable, superseded
from spotkiln.bake.image_name import image_name, release_of
from spotkiln.bake.infra import BaseImage
from spotkiln.bake.own import builder_name, owner_of
from spotkiln.bake.reuse import reuse
from spotkiln.bake.served import Served
from spotkiln.bake.twin import apart, pair, with_twins
from spotkiln.bake.variables import recipe_of
from spotkiln.errors import InputError
from spotkiln.keep.deprecation import dates
from spotkiln.release.job import Job
from spotkiln.release.release import ReleaseSpec
from tests.unit import nouns
from tests.unit.nouns import COMMIT, RELEASE, START

ARM = BaseImage(id="ami-arm", name="rails-arm 1", architecture="arm64")
RUNS = {"t3.small": ("x86_64",), "t4g.small": ("arm64",), "t3.micro": ("x86_64",)}
BOTH = nouns.infra(other_base=ARM, runs=RUNS)


def twin_of(image: Image) -> Image:
    """As EC2 shows it: nothing but its name says whose it is."""
    changes = {"id": f"{image.id}-arm", "name": f"{image.name}/arm64", "architecture": "arm64"}
    return image.model_copy(update={**changes, "snapshots": (f"snap-{image.id}-arm",)})


def job(**build: object) -> Job:
    source = nouns.source()
    return Job(
        release=RELEASE,
        spec=ReleaseSpec(app=nouns.app(), build=BuildSettings.model_validate(build)),
        infra=BOTH,
        source=source,
        recipe=recipe_of(source, BOTH),
        tags=nouns.TAGS,
        folder=Path("/runs/1"),
    )


def test_a_twin_is_found_by_its_name_alone() -> None:
    image = nouns.image("ami-1")
    other = nouns.image("ami-2").model_copy(update={"name": "demo-web-app/0123456789ab/demo-web"})
    twin = twin_of(image)
    assert with_twins([other, twin, image]) == [other, pair(image, twin)]
    assert with_twins([other, image]) == [other, image]
    assert with_twins([twin]) == [twin]
    assert apart(with_twins([image, twin, other])) == [image, twin, other]


def test_names_tell_the_release_of_both() -> None:
    name = image_name("demo-web-app", COMMIT, RELEASE, "arm64")
    assert name == f"demo-web-app/{COMMIT[:12]}/{RELEASE}/arm64"
    assert release_of(name) == RELEASE
    assert release_of(f"{name}/arm64") == ""
    assert release_of(name.replace("arm64", "my-copy")) == ""
    assert owner_of(builder_name(RELEASE, "arm64")) == owner_of(builder_name(RELEASE)) == RELEASE
    assert owner_of("spotkiln-builder-of-my-own") == ""


def test_what_becomes_of_the_first_becomes_of_both() -> None:
    image = nouns.image("ami-1")
    (both,) = with_twins([image, twin_of(image)])
    assert discardable([both], RELEASE, set()) == [both]
    # The twin is in use, or the first one is to be kept.
    assert discardable([both], RELEASE, {"ami-1-arm"}) == []
    assert discardable([both.with_tags(**{t.KEEP: ""})], RELEASE, set()) == []

    served = {f"{t.SERVED}website": Served(since=START, until=START).to_tag(), t.RELEASED: "x"}
    old = both.with_tags(**served)
    assert superseded([old], "website", 0, set()).discard == (old,)
    assert superseded([old], "website", 0, {"ami-1-arm"}).discard == ()
    assert [one.image for one in dates([old], 30, set(), START)] == ["ami-1", "ami-1-arm"]
    assert dates([old], 30, {"ami-1-arm"}, START) == []


def test_both_are_taken_again_or_none_is() -> None:
    source = nouns.source()
    recipe = recipe_of(source, BOTH)
    tags = {t.RECIPE: recipe.digest, t.INPUTS: recipe.to_tag(), t.RELEASED: "2024-04-01"}
    image = nouns.image("ami-1", state="tested").with_tags(**tags)
    assert len(recipe.to_tag()) <= t.MOST_CHARACTERS
    assert image.other_base == "ami-arm"
    assert reuse(recipe, "demo-web-app", with_twins([image])).image is None
    pending = twin_of(image).model_copy(update={"available": False})
    assert reuse(recipe, "demo-web-app", with_twins([image, pending])).image is None
    found = reuse(recipe, "demo-web-app", with_twins([image, twin_of(image)])).image
    assert found
    assert found.ids == ("ami-1", "ami-1-arm")
    # Without a second base image another one is asked for, and why is told.
    alone = reuse(recipe_of(source, nouns.infra()), "demo-web-app", with_twins([image]))
    assert (alone.image, alone.differ) == (None, ("other_base",))


def test_each_job_bakes_its_own_upon_its_own() -> None:
    first = job(instance_type="t3.small", other_instance_types=["t4g.small"])
    twin = first.twin
    assert twin
    assert (twin.infra.base, twin.infra.other_base) == (ARM, BOTH.base)
    assert twin.twin is None
    assert twin.image_name == f"{first.image_name}/arm64"
    assert (first.builder.every_type, twin.builder.every_type) == (("t3.small",), ("t4g.small",))
    assert twin.recipe.digest != first.recipe.digest
    assert twin.folder != first.folder
    with pytest.raises(InputError, match=r"runs arm64, got t3.small: add .*other_instance_types"):
        _ = job(instance_type="t3.small").twin.builder  # type: ignore[union-attr]
