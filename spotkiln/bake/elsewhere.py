"""Elsewhere: another region or account, where images are released first, and taken from by a copy.

What is taken has the same digest: it is made from the same files by the same recipe, on whichever
base image it was baked there, and its tests have passed there.
"""

from collections.abc import Iterable
from typing import Self

from pydantic import Field, model_validator

from spotkiln import tags as t
from spotkiln.bake.disk import KEY
from spotkiln.bake.image import OTHER_BASE, Image, ImageState, newest
from spotkiln.bake.infra import BaseImage
from spotkiln.bake.recipe import Recipe
from spotkiln.errors import InputError
from spotkiln.noun import Noun, ShownNoun
from spotkiln.patterns import EXTERNAL_ID, MOST_OF_EXTERNAL_ID, REGION, ROLE, empty_or


class Elsewhere(ShownNoun):
    """Where an image has been released before."""

    region: str = Field(
        default="",
        title="Region",
        description="Where it was released. Empty: this deployment's own.",
        pattern=empty_or(REGION),
    )
    role_arn: str = Field(
        default="",
        title="Role",
        description="Of the account where it was released: may look at images there, and say that "
        "one is being copied. Empty: this deployment's own account.",
        pattern=empty_or(ROLE),
    )
    external_id: str = Field(
        default="",
        title="External id",
        description="With which the role is assumed, if it wants one.",
        pattern=empty_or(EXTERNAL_ID),
        max_length=MOST_OF_EXTERNAL_ID,
    )
    kms_key: str = Field(
        default="",
        title="KMS key",
        description="Id, alias or ARN of a key of this deployment's own account and region that "
        "encrypts the copy. Empty: the account's default key, if what is copied is encrypted or "
        "the account encrypts by default.",
        pattern=KEY,
    )

    @model_validator(mode="after")
    def _is_elsewhere(self) -> Self:
        if not (self.region or self.role_arn):
            raise ValueError("expected a region, a role_arn or both in take_from, got neither")
        if self.external_id and not self.role_arn:
            raise ValueError("expected a role_arn beside external_id, got none")
        return self

    @property
    def account(self) -> str:
        """Its number; empty for the deployment's own."""
        return self.role_arn.split(":")[4] if self.role_arn else ""


class Taken(Noun):
    """The image to copy, and its recipe: this commit's, on the base that it was baked on. An image
    for two architectures brings its twin along."""

    image: Image
    recipe: Recipe
    where: str

    @property
    def twin(self) -> "Taken | None":
        """The image's twin, to be copied likewise; its recipe has the two bases the other way
        round, as where it was baked."""
        if self.image.twin is None:
            return None
        bases = {"base": self.image.other_base, OTHER_BASE: self.image.base}
        recipe = Recipe(inputs={**self.recipe.inputs, **bases})
        return self.model_copy(update={"image": self.image.twin, "recipe": recipe})

    def __str__(self) -> str:
        return f"{self.image.id} of {self.where}"


def released(images: Iterable[Image]) -> list[Image]:
    """Those that have passed their tests there, and have served."""
    return [
        one
        for one in images
        if one.whole and one.state is ImageState.TESTED and t.RELEASED in one.tags
    ]


def bases_of(images: Iterable[Image], app: str, where: str) -> tuple[BaseImage, ...]:
    """What stands for the base images where nothing is baked: those that the newest was baked on,
    one for each architecture.

    Raises:
        InputError: nothing has been released there.
    """
    found = newest(released(images))
    if found is None:
        raise InputError(
            f"images.take_from: {where} has no released image of {app}: release it there first, "
            "under the same name"
        )
    ids = (found.base, found.other_base)
    return tuple(
        BaseImage(
            id=base or one.id,
            name=f"the base of {one.name} in {where}",
            architecture=one.architecture,
            login=one.login,
            root_device=one.root_device,
            root_gib=one.root_gib,
            encrypted=one.encrypted,
        )
        for base, one in zip(ids, found.every, strict=False)
    )


def take(recipe: Recipe, images: Iterable[Image], where: str) -> Taken:
    """The newest image that was released there from this commit, by this recipe. The base image is
    theirs: the commit knows nothing of it.

    Raises:
        InputError: there is none, or a verdict blames it there, or a rollback has left it.
    """
    known = released(images)
    fitting = [one for one in known if _on_its_base(recipe, one).digest == one.recipe]
    found = newest([one for one in fitting if not _blamed(one)])
    if found:
        return Taken(image=found, recipe=_on_its_base(recipe, found), where=where)
    if worst := newest(fitting):
        raise InputError(
            f"images.take_from: {worst.id} of {where} has the same digest, but {_blamed(worst)}. "
            "Release a newer commit there first"
        )
    last = newest(known)
    differ = _differ(recipe, last) if last else []
    compared = (
        f"compared with {last.id}, the newest released there, these inputs differ: "
        f"{', '.join(differ) or 'the base image alone'}"
        if last
        else "nothing of it has been released there"
    )
    raise InputError(
        f"images.take_from: {where} has no released image of this digest: {compared}. Release this "
        "commit there first, by a deployment that says the same of the application, whose target "
        "group has the same health check, with the same version of Spotkiln"
    )


def _blamed(image: Image) -> str:
    """Why nobody should take it, in words; empty if there is nothing against it."""
    if image.suspect:
        return f"is suspect: {image.suspect}"
    left = sorted(group for group, one in image.served.items() if one.left)
    return f"a rollback of {', '.join(left)} has left it" if left else ""


def _on_its_base(recipe: Recipe, image: Image) -> Recipe:
    theirs = {"base": image.base, OTHER_BASE: image.other_base}
    known = {name: base for name, base in theirs.items() if name in recipe.inputs}
    return Recipe(inputs={**recipe.inputs, **known})


def _differ(recipe: Recipe, image: Image) -> list[str]:
    """It counts whether there is a second base, and not which one that is."""
    return _on_its_base(recipe, image).differences(image.inputs)
