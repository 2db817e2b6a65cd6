"""The CycloneDX document: it holds what it was made from, and its own schema takes it."""

import json
from datetime import UTC, datetime

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from spotkiln.bake.contents import Contents, Kind, Package, of_machine
from spotkiln.errors import InputError
from spotkiln.sbom.document import from_cyclonedx, to_cyclonedx
from tests.unit.bake.test_contents import LISTING, gem

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
VUE = Package(kind=Kind.NPM, name="@vue/core", version="3.4.1", file="package-lock.json")
FLASK = Package(kind=Kind.PYPI, name="Flask", version="3.0", file="requirements.txt")
TWICE = gem("rack", "3.1.8", "engine/Gemfile.lock")
FULL = of_machine("ami-1", LISTING, [gem("rack", "3.1.8"), TWICE, VUE, FLASK]).model_copy(
    update={"app": "shop", "commit": "c0ffee"}
)


@pytest.mark.parametrize("contents", [FULL, Contents(image="ami-2")])
def test_it_holds_what_it_was_made_from(contents: Contents) -> None:
    assert from_cyclonedx(to_cyclonedx(contents, NOW)) == contents


def test_its_own_schema_takes_it() -> None:
    text = to_cyclonedx(FULL, NOW)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert to_cyclonedx(FULL, NOW) == text


def test_each_package_has_its_address() -> None:
    found = [one["purl"] for one in json.loads(to_cyclonedx(FULL, NOW))["components"]]
    ssl = next(one for one in found if "libssl3" in one)
    assert PackageURL.from_string(ssl).to_dict() == {
        "type": "deb",
        "namespace": "debian",
        "name": "libssl3",
        "version": "3.0.11-1~deb12u2",
        "qualifiers": {
            "arch": "amd64",
            "distro": "debian-12",
            "upstream": "openssl@3.0.11-1~deb12u2",
        },
        "subpath": None,
    }
    assert {"pkg:npm/%40vue/core@3.4.1", "pkg:pypi/flask@3.0", "pkg:gem/rack@3.1.8"} <= set(found)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"bomFormat": "CycloneDX"}'])
def test_anything_else_is_refused_in_words(text: str) -> None:
    with pytest.raises(InputError, match="CycloneDX"):
        from_cyclonedx(text)
