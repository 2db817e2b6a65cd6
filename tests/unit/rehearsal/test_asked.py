"""What is rehearsed, before anything is started."""

import subprocess
from pathlib import Path

import pytest

from rehearsal.asked import Asked, home_of, name_of, read
from spotkiln.bake.app import AppSpec
from spotkiln.errors import InputError


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("shop", "shop"),
        ("My Shop_2", "my-shop-2"),
        ("gb", "app-gb"),
        ("x", "app-x"),
        ("2048", "app-2048"),
        ("...", "app"),
        ("a" * 40, "a" * 24),
    ],
)
def test_an_application_is_called_by_its_folder_as_a_deployment_takes_it(
    folder: str, name: str
) -> None:
    assert name_of(Path("/x", folder)) == name
    assert AppSpec(name=name, repository=".").name == name


def test_each_folder_has_a_home_of_its_own_and_always_the_same() -> None:
    build = Path("/build")
    assert home_of(Path("/a/shop"), build) == home_of(Path("/a/shop"), build)
    assert home_of(Path("/a/shop"), build) != home_of(Path("/b/shop"), build)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    (folder / "spotkiln.yaml").write_text(
        "build: 'true'\ntest: 'true'\nstart: serve\ntest_services: [redis]\n"
    )
    return folder


def test_services_of_the_tests_are_started_beside_it_too(shop: Path) -> None:
    found = read(Asked(path=shop, services=("postgresql", "redis")))
    assert found.services == ("postgresql", "redis")
    assert read(Asked(path=shop)).services == ("redis",)
    assert "redis-server" in found.base.setup


def test_an_application_in_a_folder_of_a_repository(shop: Path) -> None:
    web = shop / "apps" / "web"
    web.mkdir(parents=True)
    (shop / "spotkiln.yaml").rename(web / "spotkiln.yaml")
    found = read(Asked(path=web))
    assert (found.place.top, found.place.folder, found.name) == (shop, "apps/web", "web")


def test_settings_of_both_kinds_of_machines_are_read(shop: Path) -> None:
    (shop / ".spotkiln").mkdir()
    (shop / ".spotkiln" / "rehearsal.env").write_text("A=1\n")
    (shop / ".spotkiln" / "test.env").write_text("A=2\n")
    found = read(Asked(path=shop))
    assert (found.settings, found.test_settings) == ({"A": "1"}, {"A": "2"})


def test_a_page_in_no_folder_is_refused(shop: Path) -> None:
    with pytest.raises(InputError, match="page's folder"):
        read(Asked(path=shop, page=shop / "none" / "page.md"))


def test_the_package_manager_of_its_lock_file_is_in_the_base_image(shop: Path) -> None:
    (shop / "package.json").write_text("{}")
    (shop / "pnpm-lock.yaml").write_text("lockfileVersion: '9.0'\n")
    assert "pnpm" in read(Asked(path=shop)).base.setup


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("${POSTGRESQL_HOST}", "no postgresql is started.*--service postgresql"),
        ("a${REDIS_DATABASE}", "REDIS_HOST, REDIS_PASSWORD, REDIS_PORT"),
    ],
)
def test_a_setting_names_a_part_of_a_service_that_there_is(
    shop: Path, value: str, said: str
) -> None:
    (shop / ".spotkiln").mkdir()
    (shop / ".spotkiln" / "rehearsal.env").write_text(f"X={value}\n")
    with pytest.raises(InputError, match=rf"rehearsal\.env: X names .*{said}"):
        read(Asked(path=shop))
