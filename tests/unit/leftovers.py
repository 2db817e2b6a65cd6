"""What releases leave in an account: theirs is told by the release's name."""

from typing import Any

from spotkiln import tags as t
from spotkiln.bake.image import Image, ImageState
from spotkiln.bake.served import text_of
from spotkiln.serve.fleet import Fleet, Phase
from spotkiln.target import Instance
from tests.unit import nouns

LIVING = frozenset({"living"})


def fleet(name: str, phase: Phase | None, release: str, **changes: Any) -> Fleet:
    image = changes.pop("image", f"ami-{release}")
    promoted = changes.pop("promoted", None)
    made = nouns.fleet(name, phase=phase, parts=(f"lt-{name}",), **changes)
    tags = {**made.tags, t.RELEASE: release, t.IMAGE: image}
    tags |= {t.PROMOTED: text_of(promoted)} if promoted else {}
    return made.model_copy(update={"tags": tags})


def image(name: str, release: str, state: ImageState, **tags: str) -> Image:
    marks = {t.RELEASE: release, **{f"{t.PREFIX}{key}": value for key, value in tags.items()}}
    return nouns.image(name, state=state).with_tags(**marks)


def machine(name: str, release: str, of: str = "", state: str = "running") -> Instance:
    return nouns.instance(name, state, fleet=of, tags={t.RELEASE: release})
