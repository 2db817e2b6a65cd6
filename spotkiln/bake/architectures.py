"""Architectures: which instance types run which of a release's images."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from spotkiln.bake.builder import Builder
from spotkiln.errors import InputError

Kind = TypeVar("Kind", bound=Builder)
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
    wanted = " and ".join(images)
    wrong = [kind for kind in (*servers, *builders) if not _any(runs, kind, images)]
    if wrong:
        listed = ", ".join(dict.fromkeys(wrong))
        single = "the base image is" if len(images) == 1 else "the base images are"
        advice = (
            "; leave them out, or name a base image for them as infra.other_base_image"
            if len(images) == 1
            else ""
        )
        raise InputError(f"{single} for {wanted}; these instance types are not: {listed}{advice}")
    for one in images if len(images) > 1 else ():
        for key, types in (
            ("build.other_instance_types", builders),
            ("fleet.instance_types", servers),
        ):
            if types and not any(_any(runs, kind, [one]) for kind in types):
                raise InputError(
                    f"the base images are for {wanted}, and of {', '.join(types)} none runs {one}: "
                    f"add one that does to {key}, or leave infra.other_base_image out"
                )


def check_some_run(runs: Runs, servers: Sequence[str], images: Sequence[str]) -> None:
    """What is there already is launched by the types that run it; the others are left out.

    Raises:
        InputError: none is left.
    """
    if servers and not any(_any(runs, kind, images) for kind in servers):
        raise InputError(
            f"the image is for {' and '.join(images)}; these instance types are not: "
            f"{', '.join(servers)}"
        )


def needed(runs: Runs, images: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """What a launch must know of its types: nothing where each runs the only image."""
    alike = len(images) == 1 and all(_any(runs, kind, images) for kind in runs)
    return {} if alike else {kind: tuple(told) for kind, told in runs.items()}


def _any(runs: Runs, kind: str, images: Iterable[str]) -> bool:
    """Of a type of which it is not known nothing is known to be wrong."""
    told = runs.get(kind)
    return not told or any(one in told for one in images)


def that_run(builder: Kind, runs: Runs, architecture: str) -> Kind:
    """The builder of images of an architecture: by those of its types that run it.

    Raises:
        InputError: none does.
    """
    if not runs:
        return builder
    types = [one for one in builder.every_type if _any(runs, one, [architecture])]
    if not types:
        raise InputError(
            f"expected a builder that runs {architecture}, got "
            f"{', '.join(builder.every_type)}: add one that does to build.other_instance_types"
        )
    return builder.of_types(types)
