"""Applications: which deployments of `release` a nightly run means."""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from spotkiln.bake.base import name_patterns
from spotkiln.bake.infra_names import InfraNames
from spotkiln.errors import InputError
from spotkiln.noun import Noun

EVERY = "*"


class Chosen(Noun):
    """The names of deployments, sorted: those to release, and those that a pattern meant as well
    and that are left out, for they take their images from elsewhere."""

    names: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def looked_at(self) -> tuple[str, ...]:
        """All whose servers are on this base line, whoever releases them."""
        return tuple(sorted({*self.names, *self.left_out}))


def chosen(deployed: Mapping[str, Mapping[str, Any]], wanted: Iterable[str], base: str) -> Chosen:
    """The deployments to rebuild: those that match `wanted` (names or shell patterns) and whose
    applications are baked on images named `base`. `deployed` has all deployments' parameters by
    name.

    One with `images.take_from` bakes nothing, and releases what has proved itself elsewhere. A
    night would promote it without anybody's decision, so a pattern does not mean it; its name does.

    Raises:
        InputError: one that was wanted by name is not there, or builds on another base.
    """
    names: set[str] = set()
    left_out: set[str] = set()
    for one in wanted:
        pattern = one.removeprefix("release/")
        if pattern in deployed:
            _require_base(pattern, deployed[pattern], base)
            names.add(pattern)
            continue
        matching = {name for name in deployed if fnmatchcase(name, pattern)}
        if not matching and pattern != EVERY:
            known = ", ".join(sorted(deployed)) or "none"
            raise InputError(f"no deployment release/{pattern}; there are: {known}")
        for name in matching:
            if builds_on(deployed[name], base):
                (left_out if takes_from_elsewhere(deployed[name]) else names).add(name)
    return Chosen(names=tuple(sorted(names)), left_out=tuple(sorted(left_out - names)))


def _require_base(name: str, parameters: Mapping[str, Any], base: str) -> None:
    if builds_on(parameters, base) or takes_from_elsewhere(parameters):
        return
    raise InputError(
        f"release/{name} does not build on {base!r} but on "
        f"{' and '.join(map(repr, _base_patterns(parameters)))}; change its "
        "infra.base_image or infra.other_base_image, or leave it out"
    )


def takes_from_elsewhere(parameters: Mapping[str, Any]) -> bool:
    """Whether a release with these parameters copies an image instead of baking one."""
    return bool((parameters.get("images") or {}).get("take_from"))


def left_out_in_words(names: Iterable[str]) -> str:
    return (
        f"Left out, for images.take_from says that they take their images from elsewhere: "
        f"{', '.join(names)}. To release one every night, name it in `applications`."
    )


def _base_patterns(parameters: Mapping[str, Any]) -> list[str]:
    infra = parameters.get("infra") or {}
    other = infra.get("other_base_image")
    return [
        str(infra.get("base_image") or InfraNames().base_image),
        *([str(other)] if other else []),
    ]


def builds_on(parameters: Mapping[str, Any], base: str) -> bool:
    """Whether an application with these parameters is baked on images named `base`: its only one,
    or one of two, each for an architecture."""
    patterns = [one for each in _base_patterns(parameters) for one in name_patterns(each)]
    return any(fnmatchcase(base, one) for one in patterns)
