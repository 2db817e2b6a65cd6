"""The SBOM of an image: a CycloneDX document, which other tools read as well."""

import json
import warnings
from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.model import Property
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from spotkiln.bake.contents import Contents, Kind, Package, in_order
from spotkiln.errors import InputError

# Before the names of properties that have no place of their own in CycloneDX.
OURS = "spotkiln:"
FILE, OS, OS_VERSION, CODENAME = "file", "os", "os_version", "codename"
# The source that a Debian package was built from, and its version, as other tools write it.
UPSTREAM = "upstream"


def purl(package: Package, contents: Contents) -> PackageURL:
    """A package's address. Source: the purl specification, types deb, gem, npm and pypi."""
    kind, name = package.kind.value, package.name
    if package.kind is Kind.DEB:
        source = f"{package.source}@{package.source_version}" if package.source else ""
        distro = f"{contents.os}-{contents.os_version}" if contents.os else ""
        told = {"arch": package.architecture, "distro": distro, UPSTREAM: source}
        qualifiers = {key: value for key, value in told.items() if value}
        return PackageURL(kind, contents.os or "debian", name, package.version, qualifiers)
    scope, _, short = name.rpartition("/") if package.kind is Kind.NPM else ("", "", name)
    return PackageURL(kind, scope or None, short, package.version)


def to_cyclonedx(contents: Contents, now: datetime) -> str:
    """The document, in JSON. `now`, in UTC, is when it was made."""
    told = {OS: contents.os, OS_VERSION: contents.os_version, CODENAME: contents.codename}
    subject = Component(
        type=ComponentType.OPERATING_SYSTEM,
        name=contents.app or contents.image,
        version=contents.commit or None,
        bom_ref=contents.image,
        properties=_properties(told),
    )
    bom = Bom(
        serial_number=uuid5(NAMESPACE_URL, f"spotkiln:{contents.image}"),
        metadata=BomMetaData(component=subject, timestamp=now),
        components=[_component(one, contents) for one in contents.packages],
    )
    with warnings.catch_warnings():
        # Which package needs which is not known here.
        warnings.filterwarnings("ignore", "The Component this BOM is describing")
        return JsonV1Dot6(bom).output_as_string()


def _component(package: Package, contents: Contents) -> Component:
    address = purl(package, contents)
    return Component(
        type=ComponentType.LIBRARY,
        name=package.name,
        version=package.version,
        purl=address,
        bom_ref=f"{address}#{package.file}",
        properties=_properties({FILE: package.file}),
    )


def _properties(told: Mapping[str, str]) -> Iterable[Property]:
    return [Property(name=OURS + name, value=value) for name, value in told.items() if value]


def from_cyclonedx(text: str) -> Contents:
    """What a document of ours tells; what others added to it is left out.

    Raises:
        InputError: it is none.
    """
    try:
        return _contents(json.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"expected an SBOM in CycloneDX's JSON, got something else ({error}); release the "
            "application anew (--force) to have one made"
        ) from error


def _contents(document: Mapping[str, object]) -> Contents:
    bom = Bom.from_json(document)  # type: ignore[attr-defined]
    subject: Component = bom.metadata.component
    told = _told(subject)
    image = str(subject.bom_ref.value or subject.name)
    return Contents(
        image=image,
        app="" if subject.name == image else subject.name,
        commit=subject.version or "",
        os=told.get(OS, ""),
        os_version=told.get(OS_VERSION, ""),
        codename=told.get(CODENAME, ""),
        packages=in_order(_package(one) for one in bom.components if one.purl),
    )


def _package(component: Component) -> Package:
    address = component.purl
    assert address is not None
    told: Mapping[str, str] = dict(address.qualifiers)
    source, _, of_source = told.get(UPSTREAM, "").partition("@")
    return Package(
        kind=Kind(address.type),
        name=component.name,
        version=component.version or "",
        architecture=told.get("arch", ""),
        source=source,
        source_version=of_source,
        file=_told(component).get(FILE, ""),
    )


def _told(component: Component) -> dict[str, str]:
    return {
        one.name.removeprefix(OURS): one.value or ""
        for one in component.properties
        if one.name.startswith(OURS)
    }
