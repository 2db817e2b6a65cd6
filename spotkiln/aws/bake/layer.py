"""Finds the layer of an application's dependencies."""

from spotkiln import tags as t
from spotkiln.aws.bake import image as images
from spotkiln.aws.session import Aws
from spotkiln.bake.image import Image
from spotkiln.bake.layer import NOT_WANTED, Layered, choose, layer_of
from spotkiln.release.job import Job


def of_app(aws: Aws, app: str) -> list[Image]:
    """All our layers of an application."""
    return images.ours(aws, t.LAYER, app, f"layers of {app}")


def find_layer(aws: Aws, job: Job) -> Layered:
    """What the application's bake starts from, and why. Reads only."""
    build, source = job.spec.build, job.source
    if not build.layers:
        return Layered(why=NOT_WANTED)
    layer = layer_of(source, job.infra.base.id, build.secrets, build.disk)
    if layer is None:
        return choose(None, source.no_layer, ())
    layer = layer.model_copy(update={"own": job.infra.tags})
    app = source.app.name
    return choose(layer, "", [*of_app(aws, app), *images.of_app(aws, app)])
