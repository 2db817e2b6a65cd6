"""Finds the images that a release starts from: base images, one for each architecture, or those of
a version that is there."""

from spotkiln.aws.bake import image as images
from spotkiln.aws.session import Aws
from spotkiln.bake.base import lines_of, name_patterns, usable
from spotkiln.bake.image import Image, newest
from spotkiln.bake.infra import BaseImage
from spotkiln.bake.infra_names import InfraNames
from spotkiln.bake.interpreter import from_tags
from spotkiln.bake.own import inherited_images
from spotkiln.bake.services import from_tags as services_from_tags
from spotkiln.errors import InputError


def base_image(aws: Aws, pattern: str, key: str = "base_image") -> BaseImage:
    """The newest of the account's own images that match and may be built upon: of one line, for the
    newest of several would be now this, now that. `key` of `infra` says the pattern.

    Raises:
        InputError: there is none, or there are those of several lines.
    """
    matching = images.by_name(aws, *name_patterns(pattern))
    fitting = usable(matching)
    if len(lines := lines_of(fitting)) > 1:
        raise InputError(
            f"{pattern!r} matches base images of several lines: {', '.join(lines)}; let "
            f"infra.{key} name one of them, such as `{key}: {lines[0]}`"
        )
    found = newest(fitting)
    if found is None:
        copies = ", ".join(one.id for one in inherited_images(matching))
        raise InputError(
            f"the account owns no available image named {pattern!r} in {aws.region}: "
            "make one (`spotkiln base NAME`; `spotkiln base` lists the lines) or name another"
            + (f". To build upon the copies {copies}, remove their spotkiln: tags" * bool(copies))
        )
    return BaseImage(
        id=found.id,
        name=found.name,
        architecture=found.architecture,
        has=from_tags(found.tags),
        services=services_from_tags(found.tags),
        login=found.login,
        root_device=found.root_device,
        root_gib=found.root_gib,
        encrypted=found.encrypted,
        deprecated=found.deprecated,
    )


def other_base(aws: Aws, names: InfraNames, first: BaseImage) -> BaseImage | None:
    """The base image of the other architecture; None if none is asked for.

    Raises:
        InputError: it is of the same.
    """
    if not names.other_base_image:
        return None
    found = base_image(aws, names.other_base_image, "other_base_image")
    if found.architecture == first.architecture:
        raise InputError(
            f"infra.base_image and infra.other_base_image are both for {found.architecture}: "
            f"{first.name} ({first.id}) and {found}; name one of the other architecture, or leave "
            "infra.other_base_image out"
        )
    return found


def base_images(aws: Aws, names: InfraNames) -> tuple[BaseImage, ...]:
    """One for each architecture that the deployment asks for."""
    first = base_image(aws, names.base_image)
    other = other_base(aws, names, first)
    return (first, other) if other else (first,)


def starts(
    aws: Aws, names: InfraNames, image: Image | None, bases: tuple[BaseImage, ...]
) -> tuple[Image, ...] | tuple[BaseImage, ...]:
    """A version's own `image` with its twin; the `bases` of what is taken from elsewhere; else what
    is baked upon."""
    if image:
        return image.every
    return bases or base_images(aws, names)
