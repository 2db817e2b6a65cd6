"""A bake or a test on a Spot machine, and what follows where there is none, or it is taken back."""

from pathlib import Path
from typing import Any

import pytest

from spotkiln.bake.builder import Place
from spotkiln.bake.failure import bake_failure
from spotkiln.bake.machine_end import MachineEnd
from spotkiln.bake.packer_output import PackerRun, Reader
from spotkiln.bake.spot import Again, Used, again
from spotkiln.errors import (
    InfrastructureError,
    InputError,
    SpotkilnError,
    may_be_tried_again,
)
from spotkiln.target import End, Instance
from spotkiln.tasks.bake import packer as steps
from tests.unit import nouns

SPOT = Place(types=("t3.small", "t3.medium"), subnet="subnet-a", spot=True)
ON_DEMAND = Place(types=("t3.small",), subnet="subnet-a")
NO_SPOT = (
    "Error waiting for fleet request (fleet-1) to become ready:There is no Spot capacity available "
    "that matches your request."
)
NOT_READY = "Error waiting for instance (i-1) to become ready: unexpected state 'terminated'"
SCRIPT = "Script exited with non-zero exit status: 20"
MINE = nouns.instance("i-1", spot=True)
RECLAIMED = MINE.model_copy(update={"state": "terminated", "end": End.RECLAIMED})
BY_EC2 = MINE.model_copy(
    update={"state": "terminated", "end": End.BY_EC2, "lost_by": "Server.InternalError"}
)
NO_KEY = BY_EC2.model_copy(update={"end": End.KEY_REFUSED, "lost_by": "Client.InternalError"})
KEY_OFF = NO_KEY.model_copy(update={"lost_by": "Client.InvalidKMSKey.InvalidState"})
NO_VOLUMES = BY_EC2.model_copy(
    update={"end": End.VOLUME_QUOTA, "lost_by": "Client.VolumeLimitExceeded"}
)
ENDED = MINE.model_copy(update={"state": "terminated", "end": End.BY_OTHERS})


def why(machine: Instance) -> str:
    found = MachineEnd.of(machine)
    assert found
    return found.why


def failed(why: str, machine: str = "") -> PackerRun:
    return PackerRun(exit_code=1, causes=[why], errors=[why], machine=machine)


@pytest.mark.parametrize(
    ("run", "place", "machine", "said"),
    [
        (failed(NO_SPOT), SPOT, None, Again(f"EC2 launched no machine for {SPOT}: {NO_SPOT}")),
        # What is no fault of Spot's ends as it would have On-Demand.
        (failed("Error creating temporary keypair: denied"), ON_DEMAND, None, None),
        (
            # However Packer tells of it: as a lost connection, or as a script that failed.
            failed(SCRIPT, "i-1"),
            SPOT,
            RECLAIMED,
            Again(f"EC2 took i-1 back, {SPOT}: what it did begins again", on_demand=True),
        ),
        (failed(SCRIPT, "i-1"), SPOT, ENDED, None),
        (failed(SCRIPT, "i-1"), SPOT, None, None),
        (PackerRun(exit_code=0, machine="i-1"), SPOT, RECLAIMED, None),
        (
            failed(NOT_READY, "i-1"),
            SPOT,
            NO_KEY,
            Again(f"{SPOT}: {why(NO_KEY)}", on_demand=True),
        ),
        (failed(NOT_READY, "i-1"), SPOT, BY_EC2, Again(f"{SPOT}: {why(BY_EC2)}", on_demand=True)),
        # What On-Demand would meet as well, and what has met an On-Demand one.
        (failed(NOT_READY, "i-1"), SPOT, KEY_OFF, None),
        (failed(NOT_READY, "i-1"), SPOT, NO_VOLUMES, None),
        (failed(NOT_READY, "i-1"), ON_DEMAND, NO_KEY, None),
        (failed(NOT_READY, "i-1"), ON_DEMAND, BY_EC2, None),
    ],
)
def test_what_follows(
    run: PackerRun, place: Place, machine: Instance | None, said: Again | None
) -> None:
    assert again(run, place, machine) == said


def test_one_that_was_taken_back_is_not_repeated_on_spot() -> None:
    places = [SPOT, ON_DEMAND]
    assert Again("no room").among(places) == places
    assert Again("taken back", on_demand=True).among(places) == [ON_DEMAND]
    assert Again("taken back", on_demand=True).among([SPOT]) == []


def test_a_place_in_words() -> None:
    assert str(SPOT) == "a Spot t3.small or t3.medium in subnet-a"
    assert str(ON_DEMAND) == "a t3.small in subnet-a"


@pytest.mark.parametrize(
    ("line", "machine"),
    [
        (b"1,,ui,message,    amazon-ebs.app: Instance ID: i-0ab\n", "i-0ab"),
        (
            b"1,,ui,say,==> amazon-ebs.app: Waiting for instance (i-0ab) to become ready...\n",
            "i-0ab",
        ),
        (b"1,,ui,say,==> amazon-ebs.app: Launching a spot AWS instance...\n", ""),
        (b"1,,ui,message,    amazon-ebs.app: AMI: ami-0ab\n", ""),
    ],
)
def test_the_machine_is_known_from_what_packer_says(
    line: bytes, machine: str, tmp_path: Path
) -> None:
    log = tmp_path / "packer.log"
    log.write_bytes(line)
    reader = Reader(log, lambda _: None)
    reader.close()
    assert reader.run.machine == machine


def used(**changes: Any) -> str:
    settings = {"type": "t3.small", "zone": "eu-west-1a", "spot": True, "seconds": 1800.0}
    return str(Used.model_validate({**settings, **changes}))


def test_what_it_cost() -> None:
    assert used(price=0.008, on_demand=0.02) == (
        "Spot t3.small in eu-west-1a, 1800 s for 0.0040 USD, On-Demand 0.0100 USD"
    )
    assert used(price=0.008) == "Spot t3.small in eu-west-1a, 1800 s for 0.0040 USD"
    assert used(spot=False, price=0.02, on_demand=0.02) == (
        "On-Demand t3.small in eu-west-1a, 1800 s for 0.0100 USD"
    )
    assert used() == "Spot t3.small in eu-west-1a, 1800 s"


PLACES = [
    SPOT,
    SPOT.model_copy(update={"subnet": "subnet-b"}),
    ON_DEMAND,
    Place(types=("t3.small",), subnet="subnet-b"),
]


@pytest.fixture
def machines(monkeypatch: pytest.MonkeyPatch) -> dict[str, Instance]:
    """What EC2 tells, by id."""
    found: dict[str, Instance] = {}
    monkeypatch.setattr(steps, "look_at_machine", lambda _, run: found.get(run.machine))
    monkeypatch.setattr(steps, "what_it_cost", lambda _, machine: f"used {machine.id}")
    return found


@pytest.mark.parametrize(
    ("runs", "tried"),
    [
        # No room in the first zone.
        ([failed(NO_SPOT), PackerRun(0, machine="i-1")], ["spot subnet-a", "spot subnet-b"]),
        # None anywhere.
        (
            [failed(NO_SPOT), failed(NO_SPOT), PackerRun(0, machine="i-1")],
            ["spot subnet-a", "spot subnet-b", "subnet-a"],
        ),
        # Taken back: not by Spot again.
        (
            [failed(SCRIPT, "i-back"), PackerRun(0, machine="i-1")],
            ["spot subnet-a", "subnet-a"],
        ),
        # Nor where EC2 may not use a disk's key for Spot.
        (
            [failed(NOT_READY, "i-key"), PackerRun(0, machine="i-1")],
            ["spot subnet-a", "subnet-a"],
        ),
        # Red is red, on Spot too.
        ([failed(SCRIPT, "i-1")], ["spot subnet-a"]),
    ],
)
def test_it_goes_on_with_on_demand(
    runs: list[PackerRun],
    tried: list[str],
    machines: dict[str, Instance],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    machines |= {"i-1": MINE, "i-back": RECLAIMED.model_copy(update={"id": "i-back"})}
    machines["i-key"] = NO_KEY.model_copy(update={"id": "i-key"})
    found: list[str] = []
    left = list(runs)

    def once(_what: str, _template: str, variables: dict[str, Any], *_: object) -> PackerRun:
        found.append(f"{'spot ' if variables['spot_types'] else ''}{variables['subnet_id']}")
        return left.pop(0)

    monkeypatch.setattr(steps, "_run_once", once)
    given: dict[str, object] = {"region": "x", "spot_types": []}
    run = steps.run_template("bake", "app.pkr.hcl", given, tmp_path, 1.0, places=PLACES)
    assert found == tried
    assert run is runs[-1]
    assert run.used == "used i-1"


@pytest.mark.parametrize(
    ("machine", "places", "kind", "said"),
    [
        (NO_VOLUMES, PLACES, InputError, "quota of volumes is used up. Remove volumes, or ask AWS"),
        (KEY_OFF, PLACES, InputError, "may not use the KMS key of its volume. See that the key is"),
        (NO_KEY, PLACES[2:], InputError, "i-1 ended (Client.InternalError): EC2 may not use"),
        (BY_EC2, PLACES[2:], InfrastructureError, "i-1 ended (Server.InternalError): EC2 ended it"),
    ],
)
def test_what_no_other_machine_helps_fails_at_once_and_says_why(
    machine: Instance,
    places: list[Place],
    kind: type[SpotkilnError],
    said: str,
    machines: dict[str, Instance],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    machines["i-1"] = machine
    runs = [failed(NOT_READY, "i-1")]
    monkeypatch.setattr(steps, "_run_once", lambda *_: runs.pop())
    given: dict[str, object] = {"region": "x", "spot_types": []}
    run = steps.run_template("bake", "app.pkr.hcl", given, tmp_path, 1.0, places=places)
    found = bake_failure(run, "shop")
    assert type(found) is kind
    assert may_be_tried_again(found) is (kind is InfrastructureError)
    assert said in str(found)
    assert str(found).endswith(NOT_READY)


@pytest.mark.parametrize("status", [10, 2300218])
def test_a_script_that_failed_tells_why_itself(
    status: int, machines: dict[str, Instance], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """But not one whose connection was lost."""
    machines["i-1"] = NO_VOLUMES.model_copy(update={"end": End.FROM_INSIDE})
    lost = failed(f"Script exited with non-zero exit status: {status}", "i-1")
    monkeypatch.setattr(steps, "_run_once", lambda *_: lost)
    given: dict[str, object] = {"region": "x", "spot_types": []}
    run = steps.run_template("bake", "app.pkr.hcl", given, tmp_path, 1.0, places=[ON_DEMAND])
    assert ("shut down from inside" in run.why) is (status == 2300218)


@pytest.mark.parametrize("machine", [None, MINE, RECLAIMED, ENDED])
def test_an_end_that_tells_nothing_of_the_machine(machine: Instance | None) -> None:
    assert MachineEnd.of(machine) is None
