"""Job: what the steps that make one release's image need to know."""

from pathlib import Path

from spotkiln.bake.architectures import that_run
from spotkiln.bake.builder import BuildSettings
from spotkiln.bake.elsewhere import Taken
from spotkiln.bake.image_name import image_name
from spotkiln.bake.infra import Infra
from spotkiln.bake.recipe import Recipe
from spotkiln.bake.source import Source
from spotkiln.bake.variables import recipe_of
from spotkiln.noun import Noun
from spotkiln.release.release import ReleaseSpec


class Job(Noun):
    """`release` is its id, and `tags` are what everything of it carries. `folder` is the run's
    own. `taken` is the image elsewhere that is copied, where nothing is baked. `second` is the
    architecture, where it is the job of a release's second image."""

    release: str
    spec: ReleaseSpec
    infra: Infra
    source: Source
    recipe: Recipe
    tags: dict[str, str]
    folder: Path
    taken: Taken | None = None
    second: str = ""

    @property
    def image_name(self) -> str:
        return image_name(self.spec.app.name, self.source.commit, self.release, self.second)

    @property
    def builder(self) -> BuildSettings:
        """What bakes and tests this image: of the types that run it."""
        infra, build = self.infra, self.spec.build
        return that_run(build, infra.runs, infra.base.architecture)

    @property
    def twin(self) -> "Job | None":
        """The job of the second image; None if there is one alone."""
        other = self.infra.other_base
        if other is None or self.second:
            return None
        infra = self.infra.for_other()
        taken = self.taken.twin if self.taken else None
        recipe = taken.recipe if taken else recipe_of(self.source, infra, self.spec.build.disk)
        return self.model_copy(
            update={
                "second": other.architecture,
                "infra": infra,
                "recipe": recipe,
                "folder": self.folder / other.architecture,
                "taken": taken,
            }
        )
