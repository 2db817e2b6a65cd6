"""A machine that EC2 has no room for is tried in the next place, and nothing else is."""

from pathlib import Path
from typing import Any

import pytest

from spotkiln.bake.builder import Place
from spotkiln.bake.packer_output import PackerRun
from spotkiln.tasks.bake import packer as steps

CAPACITY = (
    "Error launching source instance: InsufficientInstanceCapacity: We currently do not have "
    "sufficient t3.small capacity in the Availability Zone you requested (eu-west-1a)."
)
UNSUPPORTED = (
    "Error launching source instance: operation error EC2: RunInstances, https response error "
    "StatusCode: 400, RequestID: 1, api error Unsupported: Your requested instance type (t9.x) is "
    "not supported in your requested Availability Zone (eu-west-1a)."
)
DENIED = "Error launching source instance: UnauthorizedOperation: You are not authorized"
# Of an application's own script, which Packer shows as an error as well.
SCRIPT = "Unsupported: this compiler"
PLACES = [Place(types=("t3.small",), subnet=one) for one in ("subnet-a", "subnet-b")]


def failed(why: str) -> PackerRun:
    return PackerRun(exit_code=1, causes=[why], errors=[why])


@pytest.mark.parametrize(
    ("run", "said"),
    [
        (failed(CAPACITY), "InsufficientInstanceCapacity: We currently do not have"),
        (failed(UNSUPPORTED), "Unsupported: Your requested instance type (t9.x)"),
        (failed(DENIED), ""),
        (failed(SCRIPT), ""),
        (PackerRun(exit_code=0, errors=[CAPACITY]), ""),
    ],
)
def test_what_ec2_says_where_it_has_no_room(run: PackerRun, said: str) -> None:
    assert run.no_room.startswith(said)
    assert bool(run.no_room) is bool(said)


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The subnets in which it was tried. The first has no room."""
    found: list[str] = []

    def run(_what: str, _template: str, variables: dict[str, Any], *_: object) -> PackerRun:
        found.append(variables["subnet_id"])
        return failed({"subnet-a": CAPACITY, "subnet-b": DENIED}.get(found[-1], CAPACITY))

    monkeypatch.setattr(steps, "_run_once", run)
    return found


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        (PLACES, ["subnet-a", "subnet-b"]),
        (PLACES[:1], ["subnet-a"]),
        (PLACES[::-1], ["subnet-b"]),
        ([PLACES[0], PLACES[0], PLACES[1], PLACES[0]], ["subnet-a", "subnet-a", "subnet-b"]),
    ],
)
def test_the_first_with_room_decides(
    tried: list[str], places: list[Place], expected: list[str], tmp_path: Path
) -> None:
    run = steps.run_template("bake", "app.pkr.hcl", {"region": "x"}, tmp_path, 1.0, places=places)
    assert tried == expected
    assert run.causes == [DENIED if expected[-1] == "subnet-b" else CAPACITY]
