"""Who may import whom in the sandbox and around it: it knows nothing of the product."""

from pathlib import Path

import pytest

from tests.unit.imports import file_of, imported, modules, modules_imported, name_of, of_each, tops

# The sandbox's rooms, its folders and the files at its top: each may import what is before it.
SANDBOX_ROOMS = (
    "loop_thread",
    "packer_standin",
    "machines",
    "metadata",
    "state",
    "rights",
    "machines.docker",
    "machines.simulated",
    "compute",
    "balancing",
    "fleets",
    "scaling",
    "engine",
    "faults",
    "api",
    "control",
    "process",
    "client",
    "settings",
    "infrastructure",
    "__main__",
)


@of_each(modules("sandbox"))
def test_the_sandbox_does_not_know_the_product(path: Path) -> None:
    assert tops(path).isdisjoint({"spotkiln", "tasks", "flows", "prefect"})


@of_each(modules("sandbox"))
def test_the_sandbox_does_not_know_who_uses_it(path: Path) -> None:
    assert tops(path).isdisjoint({"rehearsal", "examples", "tests", "benchmarks"})


@of_each(modules("rehearsal"))
def test_a_rehearsal_uses_the_sandbox_from_outside(path: Path) -> None:
    """It brings the product and the sandbox together, and belongs to neither."""
    assert tops(path).isdisjoint({"moto", "examples", "tests", "benchmarks"})
    of_sandbox = {name for name in imported(path) if name.partition(".")[0] == "sandbox"}
    assert of_sandbox <= {"sandbox.client"}


def sandbox_room(module: str) -> str:
    """From "sandbox.state.records" to "state"; a file at the top is a room of its own."""
    within = module.removeprefix("sandbox").lstrip(".")
    file = file_of(module)
    assert file is not None, module
    is_room = file.name == "__init__.py"
    return within if is_room or "." not in within else within.rpartition(".")[0]


def test_the_order_of_the_sandbox_names_all_its_rooms() -> None:
    rooms = {sandbox_room(name_of(path)) for path in modules("sandbox")}
    assert rooms == {"", *SANDBOX_ROOMS}


@pytest.mark.parametrize("room", SANDBOX_ROOMS)
def test_a_room_of_the_sandbox_knows_only_those_before_it(room: str) -> None:
    known = {"", *SANDBOX_ROOMS[: SANDBOX_ROOMS.index(room) + 1]}
    for path in modules("sandbox"):
        if sandbox_room(name_of(path)) == room:
            named = [name for name in modules_imported(path) if name.startswith("sandbox.")]
            assert {sandbox_room(name) for name in named} <= known, path
