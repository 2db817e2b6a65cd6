"""Architectures: which instance types run which of a release's images."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from spotkiln.bake.builder import Builder
from spotkiln.errors import InputError

AnyBuilder = TypeVar("AnyBuilder", bound=Builder)
# By the name of an instance type, what EC2 says that it runs.
Runs = Mapping[str, Sequence[str]]


def check_types(
    runs: Runs, servers: Sequence[str], builders: Sequence[str], images: Sequence[str]
) -> None:
    """Every type that is named runs one of the images, by their architectures, and each image has a
    type that runs it: of the builder's, and of the servers' if any is named.

    Raises:
        InputError: says which type or image is without the other.
    """
    kinds = [*servers, *builders]
    if len(images) == 1:
        advice = "; leave them out, or name a base image for them as infra.other_base_image"
        require_all_run(runs, kinds, images, f"the base image is for {images[0]}", advice)
        return
    wanted = " and ".join(images)
    require_all_run(runs, kinds, images, f"the base images are for {wanted}")
    for one in images:
        _require_one(runs, builders, one, wanted, "build.other_instance_types")
        _require_one(runs, servers, one, wanted, "fleet.instance_types")


def require_all_run(
    runs: Runs, kinds: Iterable[str], images: Sequence[str], what: str, advice: str = ""
) -> None:
    """
    Raises:
        InputError: a type runs none of the images; it begins with `what`, and ends with `advice`.
    """
    if wrong := [kind for kind in dict.fromkeys(kinds) if not runs_any(runs, kind, images)]:
        raise InputError(f"{what}; these instance types are not: {', '.join(wrong)}{advice}")


def _require_one(runs: Runs, kinds: Sequence[str], image: str, wanted: str, key: str) -> None:
    """Of types that are named one runs the image; `key` says where they are named."""
    if kinds and not any(runs_any(runs, kind, [image]) for kind in kinds):
        raise InputError(
            f"the base images are for {wanted}, and of {', '.join(kinds)} none runs {image}: "
            f"add one that does to {key}, or leave infra.other_base_image out"
        )


def check_some_run(runs: Runs, servers: Sequence[str], images: Sequence[str]) -> None:
    """What is there already is launched by the types that run it; the others are left out.

    Raises:
        InputError: none is left.
    """
    if servers and not any(runs_any(runs, kind, images) for kind in servers):
        raise InputError(
            f"the image is for {' and '.join(images)}; these instance types are not: "
            f"{', '.join(servers)}"
        )


def needed(runs: Runs, images: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """What a launch must know of its types: nothing where each runs the only image."""
    alike = len(images) == 1 and all(runs_any(runs, kind, images) for kind in runs)
    return {} if alike else {kind: tuple(told) for kind, told in runs.items()}


def runs_any(runs: Runs, kind: str, images: Iterable[str]) -> bool:
    """Whether a type runs one of the images. Where EC2 has not told what it runs, it counts as one
    that does."""
    told = runs.get(kind)
    return not told or any(one in told for one in images)


def that_run(builder: AnyBuilder, runs: Runs, architecture: str) -> AnyBuilder:
    """The builder of images of an architecture: by those of its types that run it.

    Raises:
        InputError: none does.
    """
    if not runs:
        return builder
    types = [one for one in builder.every_type if runs_any(runs, one, [architecture])]
    if not types:
        raise InputError(
            f"expected a builder that runs {architecture}, got "
            f"{', '.join(builder.every_type)}: add one that does to build.other_instance_types"
        )
    return builder.of_types(types)
