"""Lines of base images: what there is, and one made now."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from rich.table import Table

from spotkiln.aws.bake.image import by_name
from spotkiln.aws.session import connect, resolve_region
from spotkiln.bake.base import BaseSpec, of_line, usable
from spotkiln.bake.image import Image, newest
from spotkiln.bake.interpreter import from_tags
from spotkiln.cli import deployment as deployments
from spotkiln.cli.output import columns, moment
from spotkiln.errors import InputError
from spotkiln.noun import Noun
from spotkiln.start.applications import builds_on, takes_from_elsewhere
from spotkiln.start.deployment import NIGHTLY, RELEASE, Deployment

# What a base image that is made by hand leaves out of its line's night: the switch and the quiet
# hours are for what starts by itself, and no application is released.
ALONE: dict[str, Any] = {"applications": [], "switch": "", "quiet_hours": ""}


class Line(Noun):
    """One line: its deployment, what it is made from, its current image, and the applications that
    are baked on it. `image` is empty if there is none yet."""

    name: str
    deployment: str
    source: str
    image: str = ""
    made: datetime | None = None
    has: dict[str, str] = {}  # noqa: RUF012 - pydantic copies defaults
    applications: tuple[str, ...] = ()


def spec_of(deployment: Deployment) -> BaseSpec:
    """
    Raises:
        InputError: its parameters are not a night's.
    """
    try:
        return BaseSpec.model_validate(deployment.parameters.get("base") or {})
    except ValidationError as error:
        raise InputError(
            f"not the parameters of a night: {deployment.name}: {error}; mend prefect.yaml and "
            "deploy again"
        ) from error


def by_line(found: Iterable[Deployment]) -> dict[str, Deployment]:
    """Deployments of the nightly flow by the names of their lines.

    Raises:
        InputError: two of them are of one line.
    """
    lines: dict[str, Deployment] = {}
    for one in found:
        name = spec_of(one).name
        if name in lines:
            raise InputError(
                f"expected one deployment for each line, and {lines[name].name} and {one.name} are "
                f"both of {name}: give one of them another `base.name`, or delete it"
            )
        lines[name] = one
    return lines


def choose(lines: Mapping[str, Deployment], name: str) -> Deployment:
    """
    Raises:
        InputError: there is no such line; the message lists those there are.
    """
    if name in lines:
        return lines[name]
    known = ", ".join(sorted(lines)) or "none"
    raise InputError(
        f"no line {name!r}; there are: {known}. Name one of these, or add a deployment of the flow "
        f"{NIGHTLY} with `base.name: {name}` to prefect.yaml and `prefect --no-prompt deploy --all`"
    )


def find(name: str) -> Deployment:
    """The deployment that makes that line's images."""
    return choose(by_line(deployments.listing(NIGHTLY)), name)


def line_of(
    deployment: Deployment, images: Iterable[Image], released: Iterable[Deployment]
) -> Line:
    """`images` are those of the line's region, `released` all deployments of applications."""
    spec = spec_of(deployment)
    current = newest(usable(of_line(images, spec.name)))
    line = Line(name=spec.name, deployment=deployment.name, source=spec.source_image)
    line = line.model_copy(
        update={
            "applications": tuple(
                x.short
                for x in released
                if builds_on(x.parameters, f"{spec.name} ")
                and not takes_from_elsewhere(x.parameters)
            )
        }
    )
    if current is None:
        return line
    has = {str(name): version for name, version in from_tags(current.tags).items()}
    return line.model_copy(update={"image": current.id, "made": current.created, "has": has})


def look() -> list[Line]:
    """All lines, by name. Reads only."""
    released = deployments.listing(RELEASE)
    found = []
    for _, deployment in sorted(by_line(deployments.listing(NIGHTLY)).items()):
        spec = spec_of(deployment)
        images = by_name(connect(resolve_region(spec.region)), f"{spec.name}*")
        found.append(line_of(deployment, images, released))
    return found


def table(lines: Iterable[Line]) -> Table:
    header = ["LINE", "IMAGE", "MADE", "HAS", "FROM", "APPLICATIONS", "DEPLOYMENT"]
    rows = (
        (
            one.name,
            one.image or f"none: spotkiln base {one.name}",
            moment(one.made) if one.made else "",
            ", ".join(f"{name} {version}" for name, version in one.has.items()),
            one.source,
            ", ".join(one.applications),
            one.deployment,
        )
        for one in lines
    )
    return columns(header, rows)
