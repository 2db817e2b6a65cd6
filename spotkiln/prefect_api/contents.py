"""The SBOMs of images, kept with Prefect: AWS's tags have no room for them, and every host that
releases or is asked must find them."""

from datetime import UTC, datetime

from spotkiln.bake.changes import Dependency
from spotkiln.bake.contents import Contents, debian_changes
from spotkiln.prefect_api import of_image
from spotkiln.prefect_api.connection import Api
from spotkiln.prefect_api.of_image import What
from spotkiln.release.plan import Plan, compared_images


async def write(api: Api, contents: Contents) -> None:
    # It takes a while to load, and few processes need it.
    from spotkiln.sbom.document import to_cyclonedx

    text = to_cyclonedx(contents, datetime.now(UTC))
    await of_image.write(api, What.SBOM, contents.image, text)


async def read(api: Api, image: str) -> Contents | None:
    """None if no SBOM of it is kept.

    Raises:
        InputError: what is kept is none.
    """
    from spotkiln.sbom.document import from_cyclonedx

    text = await of_image.read(api, What.SBOM, image)
    return from_cyclonedx(text) if text else None


async def with_packages(api: Api, plan: Plan) -> Plan:
    """The plan, with Debian's packages that would change."""
    images = compared_images(plan)
    found = await changed_packages(api, *images) if images else ()
    return plan.model_copy(update={"packages": found})


async def changed_packages(api: Api, before: str, now: str) -> tuple[Dependency, ...]:
    """Debian's packages that differ between two images; none if it is not known."""
    if before == now:
        return ()
    old, new = await read(api, before), await read(api, now)
    return debian_changes(old, new) if old and new else ()
