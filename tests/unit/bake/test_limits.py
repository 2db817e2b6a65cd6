"""Limits of an application: one meaning each, in the units, in the image test and in the gate."""

from pathlib import Path

from spotkiln.bake.app import App
from spotkiln.bake.builder import BuildSettings
from spotkiln.bake.variables import test_variables as variables_of_test
from spotkiln.serve.gate import GatePolicy
from tests.unit import nouns
from tests.unit.bake.rendered import APP, read, render
from tests.unit.bake.test_bake import MACHINE

# Tests of a quarter of an hour, a first answer after three minutes, a request of 100 s when it is
# stopped, a migration of eleven minutes.
SLOW = {"test_seconds": 1000, "start_seconds": 180, "stop_seconds": 100, "migrate_seconds": 660}


def slow(**changes: int) -> App:
    return nouns.settled(**{**SLOW, **changes})


def test_the_units_wait_as_long_as_the_application_says(tmp_path: Path) -> None:
    render(tmp_path, **SLOW)
    serves = read(tmp_path / f"{APP}.service")["Service"]
    assert (serves["TimeoutStartSec"], serves["TimeoutStopSec"]) == ("180", "100")
    migrates = read(tmp_path / f"{APP}-migrate.service")["Service"]
    assert migrates["TimeoutStartSec"] == "660"


def test_so_do_the_image_test_and_the_gate(tmp_path: Path) -> None:
    given = variables_of_test(MACHINE, slow(), nouns.infra(), "ami-1", {}, tmp_path)
    assert {name: given[name] for name in ("test_seconds", "start_seconds", "migrate_seconds")} == {
        "test_seconds": 1000,
        "start_seconds": 180,
        "migrate_seconds": 660,
    }
    assert (GatePolicy().for_start(180).boot_seconds or 0) > 180


def test_packer_is_not_ended_before_the_applications_own_limits_are() -> None:
    """Else its tests would be told as a fault of the account, and tried again."""
    build = BuildSettings()
    assert build.test_deadline(nouns.settled().tested_seconds) == build.timeout_seconds == 3600
    long = slow(test_seconds=4 * 3600)
    assert build.test_deadline(long.tested_seconds) > 4 * 3600 + 180 + 660
    assert BuildSettings(timeout_seconds=4 * 3600).test_deadline(600) == 4 * 3600


def test_each_page_of_the_image_test_may_take_its_time() -> None:
    pages = slow().model_copy(update={"smoke": ("/", "/a", "/b")})
    assert pages.tested_seconds - slow().model_copy(update={"smoke": ()}).tested_seconds >= 3 * 60
