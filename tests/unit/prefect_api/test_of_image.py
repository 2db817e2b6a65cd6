"""What is kept of an image: found again, replaced, and gone with the image."""

from typing import Any
from uuid import uuid4

import pytest

from spotkiln.bake.contents import Contents, of_base
from spotkiln.errors import InputError
from spotkiln.prefect_api import contents, of_image
from spotkiln.prefect_api.connection import ask
from spotkiln.prefect_api.of_image import What
from tests.unit.prefect_api.answers import NOW
from tests.unit.prefect_api.conftest import FakeApi


class Artifacts:
    """As Prefect keeps them, the newest first."""

    def __init__(self, fake: FakeApi) -> None:
        self.kept: list[dict[str, Any]] = []
        self._fake = fake
        fake.answers["POST /artifacts/"] = self._create
        fake.answers["POST /artifacts/filter"] = self._filter
        # An event tells of each; nobody listens.
        fake.answers["POST /events"] = lambda _: (204, {})

    def _create(self, body: dict[str, Any]) -> tuple[int, Any]:
        assert body.get("flow_run_id") is None
        one = {"id": str(uuid4()), "created": NOW.isoformat(), **body}
        self.kept.insert(0, one)
        self._fake.answers[f"DELETE /artifacts/{one['id']}"] = lambda _: self._delete(one)
        return 201, one

    def _delete(self, one: dict[str, Any]) -> tuple[int, Any]:
        self.kept.remove(one)
        return 204, {}

    def _filter(self, body: dict[str, Any]) -> tuple[int, Any]:
        wanted = body["artifacts"]["key"]["any_"]
        return 200, [one for one in self.kept if one["key"] in wanted]


@pytest.fixture
def artifacts(fake: FakeApi) -> Artifacts:
    return Artifacts(fake)


def test_the_newest_text_is_kept_and_goes_with_the_image(artifacts: Artifacts) -> None:
    assert ask(of_image.read, What.SBOM, "ami-1") is None
    for text in ("one", "two"):
        ask(of_image.write, What.SBOM, "ami-1", text)
    ask(of_image.write, What.VULNERABILITIES, "ami-1", "known")
    ask(of_image.write, What.SBOM, "ami-2", "other")
    assert ask(of_image.read, What.SBOM, "ami-1") == "two"
    assert [one["key"] for one in artifacts.kept] == [
        "sbom-ami-2", "vulnerabilities-ami-1", "sbom-ami-1",
    ]  # fmt: skip
    ask(of_image.forget, ["ami-1", "ami-3"])
    assert [one["key"] for one in artifacts.kept] == ["sbom-ami-2"]


def test_an_sbom_comes_back_as_it_was(artifacts: Artifacts) -> None:
    was, now = of_base("ami-1", "openssl=3.0.14\n"), of_base("ami-2", "openssl=3.0.15\n")
    ask(contents.write, was)
    assert ask(contents.read, "ami-1") == was
    # Nothing is told of what is not known.
    assert ask(contents.changed_packages, "ami-1", "ami-2") == ()
    ask(contents.write, now)
    (changed,) = ask(contents.changed_packages, "ami-1", "ami-2")
    assert str(changed) == "openssl 3.0.14 → 3.0.15"
    assert ask(contents.changed_packages, "ami-2", "ami-2") == ()


def test_what_is_no_sbom_is_told(artifacts: Artifacts) -> None:
    ask(of_image.write, What.SBOM, "ami-1", "{}")
    with pytest.raises(InputError, match="CycloneDX"):
        ask(contents.read, "ami-1")
    assert Contents(image="ami-1").counted == "0 Debian packages and 0 locked dependencies"
