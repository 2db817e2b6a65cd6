"""What a deployment's parameters ask for."""

from typing import Any
from uuid import UUID

import pytest

from spotkiln.bake.builder import BuildSettings
from spotkiln.bake.configuration import Configuration
from spotkiln.bake.infra_names import InfraNames
from spotkiln.errors import InputError
from spotkiln.start.deployment import Deployment
from spotkiln.start.settings import settings
from spotkiln.tasks.bake.command import what_is_asked
from tests.unit.prefect_api import answers
from tests.unit.prefect_api.conftest import FakeApi

APP = {"name": "shop", "repository": "git@git.example.com:shop.git", "ref": "v1"}
GIVEN: dict[str, Any] = {
    "app": APP,
    "infra": {"target_group": "shop"},
    "build": {"instance_type": "t3.large"},
    "configuration": {"parameters": ["/shop/production/"]},
}


def deployment(**more: Any) -> Deployment:
    return Deployment(id=UUID(int=1), name="release/shop", parameters={**GIVEN, **more})


def test_the_ref_of_a_run_goes_before_the_deployments() -> None:
    assert settings(deployment()).app.ref == "v1"
    assert settings(deployment(ref="")).app.ref == "v1"
    assert settings(deployment(ref="main")).app.ref == "main"
    assert settings(deployment(ref="main").at_ref("v2")).app.ref == "v2"
    assert settings(deployment().at_ref("")).app.ref == "v1"
    with pytest.raises(InputError, match=r"release/shop(?s:.)*git does not allow such names"):
        settings(deployment(ref="a b"))


def asked(infra: InfraNames | None) -> Any:
    return what_is_asked("shop-eu", ("true",), 60, infra, BuildSettings(), Configuration())


def test_a_command_has_what_its_applications_servers_have(fake: FakeApi) -> None:
    told = answers.deployment("shop-eu", parameters=GIVEN)
    fake.answers["GET /deployments/name/release/shop-eu"] = lambda _: (200, told)
    spec = asked(None)
    assert (spec.app, spec.command, spec.seconds) == ("shop", ("true",), 60)
    assert spec.infra.target_group == "shop"
    assert spec.build.instance_type == "t3.large"
    assert spec.configuration == Configuration(parameters=("/shop/production/",))


def test_a_command_has_what_it_is_given(fake: FakeApi) -> None:
    spec = asked(InfraNames(target_group="blog"))
    assert (spec.app, spec.infra.target_group) == ("shop-eu", "blog")
    assert not fake.asked


def test_a_command_of_no_application_is_refused(fake: FakeApi) -> None:
    fake.answers["GET /deployments/name/release/shop-eu"] = lambda _: (404, {})
    with pytest.raises(InputError, match="`spotkiln list` names the applications"):
        asked(None)
