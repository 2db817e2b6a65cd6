"""Job: what the steps that make one release's image need to know."""

from pathlib import Path

from spotkiln.bake.elsewhere import Taken
from spotkiln.bake.image import image_name
from spotkiln.bake.infra import Infra
from spotkiln.bake.recipe import Recipe
from spotkiln.bake.source import Source
from spotkiln.noun import Noun
from spotkiln.release.release import ReleaseSpec


class Job(Noun):
    """`release` is its id, and `tags` are what everything of it carries. `folder` is the run's
    own. `taken` is the image elsewhere that is copied, where nothing is baked."""

    release: str
    spec: ReleaseSpec
    infra: Infra
    source: Source
    recipe: Recipe
    tags: dict[str, str]
    folder: Path
    taken: Taken | None = None

    @property
    def image_name(self) -> str:
        return image_name(self.spec.app.name, self.source.commit, self.release)
