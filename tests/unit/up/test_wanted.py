"""What deployments name in their account, read without an account."""

from pathlib import Path
from typing import Any

import yaml

from examples.up.wanted import Wanted, joined, wanted
from sandbox.infrastructure import Group, Profile
from tests.unit.nouns import ROOT


def application(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder


def of(tmp_path: Path, app: dict[str, Any], **more: Any) -> Wanted:
    found = wanted({"app": {"name": "shop", **app}, **more}, tmp_path)
    assert found is not None
    return found


def test_the_applications_own_file_says_where_it_listens(tmp_path: Path) -> None:
    described = "port: 8000\nhealth_path: /healthz\nhealth_port: 9000\n"
    application(tmp_path / "shop", spotkiln__yaml=described)
    found = of(tmp_path, {"repository": "shop"}, infra={"target_group": "shop-staging"})
    assert found.group == Group("shop-staging", 8000, "/healthz", 9000)
    assert not found.guessed
    # What the deployment says comes first.
    found = of(tmp_path, {"repository": str(tmp_path / "shop"), "port": 80})
    assert found.group == Group("website", 80, "/healthz", 9000)


def test_what_it_leaves_open_is_detected(tmp_path: Path) -> None:
    application(tmp_path / "shop" / "web", Gemfile="gem 'rails'\n", config__ru="run App\n")
    found = of(tmp_path, {"repository": "shop", "folder": "web"})
    assert found.group == Group("website", 3000, "/up")
    assert not found.guessed


def test_an_application_that_is_elsewhere_is_guessed(tmp_path: Path) -> None:
    for repository in ("git@example.com:shop.git", "https://example.com/shop", "absent"):
        found = of(tmp_path, {"repository": repository})
        assert found.group == Group("website", 3000, "/up")
        assert found.guessed
    assert not of(tmp_path, {"repository": "git@example.com:shop.git", "port": 80}).guessed


def test_a_file_that_cannot_be_read_is_no_reason_to_end(tmp_path: Path) -> None:
    application(tmp_path / "shop", spotkiln__yaml="port: many\n")
    assert of(tmp_path, {"repository": "shop"}).guessed
    assert wanted({"app": {"name": "NO"}}, tmp_path) is None
    assert wanted({}, tmp_path) is None


def test_profiles_read_what_their_deployment_names(tmp_path: Path) -> None:
    found = of(
        tmp_path,
        {"repository": "absent"},
        infra={
            "instance_profile": "shop-staging",
            "test_instance_profile": "shop-test",
            "security_groups": ["shop"],
            "test_security_groups": ["shop-tests"],
        },
        configuration={"parameters": ["/shop/staging"], "secrets": ["shop/staging"]},
        test_configuration={"parameters": ["/shop/test/"]},
    )
    assert found.profiles == (
        Profile("shop-staging", ("/shop/staging/",), ("shop/staging",)),
        Profile("shop-test", ("/shop/test/",)),
    )
    assert found.security_groups == ("shop", "shop-tests")


def test_a_profile_that_several_name_reads_all_of_it() -> None:
    one, other = Profile("a", ("/b/",)), Profile("a", ("/a/",), ("s",))
    assert joined([one, other, Profile("c")]) == [
        Profile("a", ("/a/", "/b/"), ("s",)),
        Profile("c"),
    ]


def test_the_deployments_of_prefect_yaml_have_two_environments() -> None:
    """One application, so one image; and what differs comes from the environment."""
    deployments = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    given = {
        one["name"]: one["parameters"]
        for one in deployments
        if one["entrypoint"].endswith(".release")
    }
    production, staging = given["demo-web-app"], given["demo-web-app-staging"]
    assert production["app"] == staging["app"]
    found = wanted(staging, ROOT)
    assert found is not None
    assert found.group.name == "website-staging"
    assert found.profiles == (
        Profile("website-staging", ("/demo-web-app/staging/",), ("demo-web-app/staging",)),
    )
