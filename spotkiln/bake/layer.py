"""Layer: an image that has an application's dependencies alone. Its bakes start from it as long as
lock files, command and base image are the same, so that they need not install anything.

It is baked before the image that needs it first, by the same template and script. An image that
was baked from it is the same as one that was not: the layer is in no image's recipe, its base is.
It is baked once, whoever needs it: its owner's name tells what is in it, and only one can make the
security group of that name. Whoever cannot, or finds that a layer has gone, bakes without it.
"""

from collections.abc import Collection, Iterable, Mapping

from spotkiln import tags as t
from spotkiln.bake.disk import AS_IT_IS, ImageDisk
from spotkiln.bake.image import LOGIN, Image, ImageState, newest
from spotkiln.bake.image_name import layer_name
from spotkiln.bake.recipe import ROOT, Recipe, digest_of, digest_of_files
from spotkiln.bake.source import Source
from spotkiln.bake.variables import BAKE_SCRIPTS, BAKE_TEMPLATE, layer_settings
from spotkiln.noun import Noun

FAILED = "failed"


class Layer(Noun):
    """What an application's dependencies are known by. `own` are the company's tags."""

    app: str
    recipe: Recipe
    own: dict[str, str] = {}  # noqa: RUF012 - pydantic copies defaults

    @property
    def owner(self) -> str:
        """Who owns what is made of it, whichever release makes it."""
        return f"layer-{self.recipe.digest[:12]}"

    @property
    def image_name(self) -> str:
        return layer_name(self.app, self.owner)

    def tags(self, run: str) -> t.Tags:
        """What everything of its bake carries from the moment it exists."""
        return {
            **self.own,
            "Name": f"{self.app} layer",
            t.LAYER: self.app,
            t.RELEASE: self.owner,
            t.RUN: run,
        }

    def image_tags(self, run: str, login: str) -> t.Tags:
        """A candidate, until it is complete. `login`: whom it lets in, as its base image does."""
        return {
            **self.tags(run),
            **({t.LOGIN: login} if login != LOGIN else {}),
            t.RECIPE: self.recipe.digest,
            t.INPUTS: self.recipe.to_tag(),
            t.STATE: ImageState.CANDIDATE,
        }


def layer_of(
    source: Source, base: str, secrets: Iterable[str], disk: ImageDisk = AS_IT_IS
) -> Layer | None:
    """The layer of a commit's dependencies; None if it can have none. `base` is the id of the base
    image, `secrets` are the names of the build's: a value may change, and the packages do not.
    `disk` is its builder's."""
    if source.lock_archive is None:
        return None
    inputs = {
        "base": base,
        "template": digest_of_files(ROOT, BAKE_TEMPLATE),
        "scripts": digest_of_files(ROOT, BAKE_SCRIPTS),
        "lock": source.lock_digest[:12],
        "variables": digest_of({**layer_settings(source.app), **disk.settings}),
        "secrets": digest_of(" ".join(sorted(secrets))),
    }
    return Layer(app=source.app.name, recipe=Recipe(inputs=inputs))


class Layered(Noun):
    """Where an application's bake starts, and why. `layer` is that of its dependencies, if it can
    have one; `image` is that layer where it is there. `bake`: it is baked first. `failed`: it
    could not be."""

    layer: Layer | None = None
    image: Image | None = None
    bake: bool = False
    failed: bool = False
    why: str

    def without(self, why: str, *, failed: bool) -> "Layered":
        """The same without a layer, and why."""
        changes = {"bake": False, "failed": failed, "why": f"no layer: {why}"}
        return self.model_copy(update=changes)

    def started(self, image: Image) -> "Layered":
        """The same with this layer, which was baked just now."""
        changes = {"bake": False, "image": image, "why": f"starts from {image.id}, baked just now"}
        return self.model_copy(update=changes)

    @property
    def tags(self) -> Mapping[str, str]:
        """Of the application's image."""
        if self.layer is None:
            return {}
        return {t.FROM_LAYER: f"{self.layer.owner} {FAILED}" if self.failed else self.layer.owner}


NOT_WANTED = "no layer: the deployment's `build.layers` is off"


def choose(layer: Layer | None, why_none: str, images: Iterable[Image]) -> Layered:
    """Whether a bake starts from a layer. `why_none` is why there is no `layer`; `images` are those
    of the application, layers among them."""
    if layer is None:
        return Layered(why=f"no layer: {why_none}")
    known = list(images)
    own = [one for one in known if one.is_layer and one.available]
    layers = [one for one in own if one.state is ImageState.LAYER]
    if same := next((one for one in layers if one.recipe == layer.recipe.digest), None):
        why = f"starts from {same.id}: lock files, dependencies command and base image are the same"
        return Layered(layer=layer, image=same, why=why)
    tried = f"{layer.owner} {FAILED}"
    if failed := next((one for one in known if one.tags.get(t.FROM_LAYER) == tried), None):
        why = (
            f"no layer: it could not be baked for {failed.id}; `lock` may lack a file that "
            "`dependencies` needs"
        )
        return Layered(layer=layer, failed=True, why=why)
    if last := newest(layers):
        differ = ", ".join(layer.recipe.differences(last.inputs)) or "nothing that its tag names"
        why = f"a layer is baked first: compared with {last.id}, the newest, these differ: {differ}"
    else:
        why = f"a layer is baked first: {layer.app} has none yet"
    return Layered(layer=layer, bake=True, why=why)


def unneeded(images: Iterable[Image], busy: Collection[str] = ()) -> list[Image]:
    """Of all our images the layers that nothing needs any more: neither the newest of their
    application, nor that of an image that is still there. Those of `busy` applications stay: a
    release may have chosen one."""
    everything = list(images)
    used = {image.from_layer for image in everything}
    layers = [one for one in everything if one.ours and one.state is ImageState.LAYER]
    last = {app: newest([x for x in layers if app_of(x) == app]) for app in map(app_of, layers)}
    return [
        one
        for one in sorted(layers, key=lambda x: x.id)
        if one.release not in used
        and one != last[app_of(one)]
        and app_of(one) not in busy
        and not one.kept
    ]


def app_of(layer: Image) -> str:
    """The name of the application whose dependencies it has."""
    return layer.tags.get(t.LAYER, "")
