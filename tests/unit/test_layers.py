"""Who may import whom: decisions need neither Prefect nor AWS, and only one place knows AWS."""

import re
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.unit.imports import (
    imported,
    loaded_by,
    modules,
    modules_imported,
    name_of,
    of_each,
    taken,
    tops,
)
from tests.unit.nouns import ROOT

AWS = {"boto3", "botocore", "s3transfer"}
FRAMEWORK = {"prefect"}
# What stands in for AWS, here and in tests.
STAND_INS = {
    *("sandbox", "moto", "docker", "aiohttp"),
    *("rehearsal", "tests", "examples", "benchmarks"),
}


# A launcher's own folder, and what its API calls things.
SPOT_FLEET_FOLDER = "spotkiln/aws/serve/spot_fleet"
# Makes the role that each launcher needs, by AWS's own names.
ACCOUNT_FOLDER = "spotkiln/account"
SPOT_FLEET = re.compile(
    r"spot_?fleet|spot-fleet-request|ec2spot:fleet|sfr-|launchspec|fleetrequest(?!ed)|iamfleetrole"
    r"|cancelled_(running|terminating)|activitystatus|pending_fulfillment",
    re.IGNORECASE,
)


# A deployment's setting, and the right to look at what it names.
OWN_TEMPLATE = (
    r"(infra|names)\.launch_template\b|launch_template: str\b|DescribeLaunchTemplateVersions"
)


# The rooms of decisions, in the order in which one may import another: only what is before it.
ROOMS = ("bake", "serve", "keep", "release", "account", "show", "start")
# What has a door to AWS or Prefect, or to people.
DOORS = (
    "spotkiln/aws",
    "spotkiln/prefect_api",
    "spotkiln/hosts_api",
    "spotkiln/sbom",
    "spotkiln/cli",
    "spotkiln/receiver",
)
# What talks to Prefect's API, and what a program would talk to it with. The rest of Prefect
# (flow, task, states, artifacts that a step makes, the run that one is in) is no such thing.
PREFECT_API = (
    "prefect.blocks",
    "prefect.client",
    "prefect.deployments",
    "prefect.input.actions",
    "prefect.settings",
    "prefect.utilities",
    "prefect.variables",
    "httpx",
    "requests",
)


@pytest.mark.programs
def test_nouns_and_decisions_load_neither_prefect_nor_boto3() -> None:
    names = [name_of(path) for path in modules("spotkiln", but=DOORS)]
    assert "spotkiln.serve.gate" in names
    loaded = loaded_by(names)
    assert "pydantic" in loaded
    assert loaded.isdisjoint({*AWS, *FRAMEWORK, *STAND_INS, "httpx", "requests"})


@pytest.mark.programs
def test_the_boundary_to_aws_does_not_load_prefect() -> None:
    loaded = loaded_by([name_of(path) for path in modules("spotkiln/aws")])
    assert loaded >= {"boto3", "spotkiln"}
    assert loaded.isdisjoint({*FRAMEWORK, *STAND_INS, "tasks", "flows"})


@of_each(modules("spotkiln", "tasks", "flows", but=["spotkiln/aws"]))
def test_only_the_boundary_knows_aws(path: Path) -> None:
    assert tops(path).isdisjoint({*AWS, "mypy_boto3_ec2", "mypy_boto3_elbv2"})


@of_each(modules("spotkiln", "tasks", "flows", but=[SPOT_FLEET_FOLDER, ACCOUNT_FOLDER]))
def test_only_its_implementation_knows_spot_fleet(path: Path) -> None:
    """Its calls, fields, states, events and tags. In words, people are told of it anywhere."""
    knows = [line for line in path.read_text().splitlines() if SPOT_FLEET.search(line)]
    registry = path == ROOT / "spotkiln/aws/serve/launchers.py"
    assert len(knows) == (2 if registry else 0), knows
    imports = [name for name in imported(path) if name.startswith("spotkiln.aws.serve.spot_fleet")]
    assert imports == (["spotkiln.aws.serve.spot_fleet.launcher"] if registry else [])


def test_only_the_registry_knows_auto_scaling() -> None:
    folder = "spotkiln.aws.serve.auto_scaling"
    knows = {
        (name_of(path), name)
        for path in modules("spotkiln", "tasks", "flows", but=[folder.replace(".", "/")])
        for name in imported(path)
        if name.startswith(folder)
    }
    assert knows == {("spotkiln.aws.serve.launchers", f"{folder}.launcher")}


@of_each(modules("spotkiln", "tasks", "flows", but=[SPOT_FLEET_FOLDER]))
def test_only_launchers_know_launch_templates(path: Path) -> None:
    """A deployment may name one of its own: that is looked up in one place. And a Spot builder's,
    which Packer makes, must be allowed."""
    serve = "spotkiln/aws/serve"
    allowed = {f"{serve}/{name}.py" for name in ("launch_template", "own_template", "refusal")}
    allowed.add("spotkiln/release/spot_statements.py")
    folder = ROOT / "spotkiln/aws/serve/auto_scaling"
    if str(path.relative_to(ROOT)) not in allowed and folder not in path.parents:
        text = re.sub(OWN_TEMPLATE, "", path.read_text())
        assert not re.search(r"launch_template|LaunchTemplate", text)


@of_each(modules("spotkiln", "tasks", "flows"))
def test_the_product_does_not_know_what_stands_in_for_aws(path: Path) -> None:
    assert tops(path).isdisjoint(STAND_INS)
    assert "AWS_ENDPOINT_URL" not in path.read_text() or {
        ROOT / "spotkiln" / "aws",
        ROOT / "tasks",
    }.intersection(path.parents)


@of_each(modules("spotkiln", but=DOORS))
def test_decisions_use_pydantic_and_the_standard_library(path: Path) -> None:
    allowed = {*sys.stdlib_module_names, "pydantic", "pydantic_core", "spotkiln"}
    # An application describes itself in YAML; scheduled actions are cron's, in one module.
    own = {"spotkiln.serve.cron": {"cronsim"}}
    assert tops(path) <= {*allowed, "yaml", *own.get(name_of(path), ())}
    assert not [name for name in imported(path) if name.startswith("spotkiln.aws")]


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_knows_only_those_before_it(room: str) -> None:
    """So there is no circle."""
    known = {f"spotkiln.{one}" for one in ROOMS[: ROOMS.index(room) + 1]}
    for path in modules(f"spotkiln/{room}"):
        rooms = {".".join(name.split(".")[:2]) for name in imported(path)} & {
            f"spotkiln.{one}" for one in ROOMS
        }
        assert rooms <= known, path


@of_each(modules("spotkiln", but=["spotkiln/cli", "spotkiln/receiver", "spotkiln/prefect_api"]))
def test_nothing_below_knows_the_steps(path: Path) -> None:
    assert tops(path).isdisjoint({"tasks", "flows", "prefect"})


@of_each(modules("tasks"))
def test_steps_do_not_know_the_flows(path: Path) -> None:
    assert "flows" not in tops(path)


@of_each(modules("flows"))
def test_flows_are_the_order_of_things_and_nothing_else(path: Path) -> None:
    """One may go another's way."""
    known = {"collections", "datetime", "flows", "prefect", "spotkiln", "tasks", "typing"}
    assert tops(path) <= known


@pytest.mark.parametrize("top", ["spotkiln", "sandbox", "rehearsal", "tasks", "flows"])
def test_no_module_imports_itself_by_way_of_others(top: str) -> None:
    """An import inside a function, or for type checkers alone, counts: it only hides a circle."""
    graph = {name_of(path): modules_imported(path) for path in modules(top)}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(reversed(error.args[1])))


@of_each(modules("spotkiln/cli"))
def test_the_command_does_not_run_flows_or_steps_itself(path: Path) -> None:
    """It starts flows through Prefect, as everyone does. What it drives itself needs no step."""
    assert tops(path).isdisjoint({"flows", "tasks"})
    assert ".fn(" not in path.read_text()


@of_each(modules("tasks", "flows"))
def test_a_step_is_not_reached_through(path: Path) -> None:
    """What several steps need is a function beside them."""
    assert ".fn(" not in path.read_text()


@of_each(modules("spotkiln", "tasks", "flows", but=["spotkiln/cli"]))
def test_nothing_needs_the_command(path: Path) -> None:
    assert not [name for name in imported(path) if name.startswith("spotkiln.cli")]


@of_each(modules("spotkiln/receiver"))
def test_the_receiver_only_starts_runs(path: Path) -> None:
    """It faces the network: nothing that releases is within its reach."""
    assert tops(path).isdisjoint({"tasks", "flows", "subprocess"})
    forbidden = ("spotkiln.aws", "spotkiln.cli")
    assert not [name for name in imported(path) if name.startswith(forbidden)]


@of_each(modules("spotkiln", "tasks", "flows", but=["spotkiln/receiver"]))
def test_nothing_needs_the_receiver(path: Path) -> None:
    assert not [name for name in imported(path) if name.startswith("spotkiln.receiver")]


@of_each(
    modules(
        "spotkiln",
        "tasks",
        "flows",
        but=["spotkiln/prefect_api", "spotkiln/hosts_api", "spotkiln/sbom"],
    )
)
def test_one_door_leads_to_prefects_api(path: Path) -> None:
    assert not [name for name in imported(path) if name.startswith(PREFECT_API)]
    assert taken(path).isdisjoint({"prefect.get_client", "prefect.artifacts.Artifact"})


@of_each(modules("spotkiln/prefect_api"))
def test_the_door_knows_decisions_and_prefect(path: Path) -> None:
    # coolname: by which Prefect makes up the names of runs.
    known = {"anyio", "coolname", "httpx", "prefect", "pydantic", "spotkiln"}
    allowed = {*sys.stdlib_module_names, *known}
    assert tops(path) <= allowed
    others = ("spotkiln.aws", "spotkiln.cli", "spotkiln.receiver", "tasks", "flows")
    assert not [name for name in imported(path) if name.startswith(others)]


@of_each(modules("spotkiln/hosts_api"))
def test_the_door_to_hosts_knows_decisions_alone(path: Path) -> None:
    """It holds a token while it asks: nothing that keeps or shows things is within its reach."""
    assert tops(path) <= {*sys.stdlib_module_names, "httpx", "spotkiln"}
    others = ("spotkiln.aws", "spotkiln.cli", "spotkiln.receiver", "spotkiln.prefect_api")
    assert not [name for name in imported(path) if name.startswith(others)]


@of_each(modules("spotkiln/sbom"))
def test_the_door_to_published_data_knows_decisions_alone(path: Path) -> None:
    known = {"cvss", "cyclonedx", "httpx", "packageurl", "spotkiln", "univers"}
    assert tops(path) <= {*sys.stdlib_module_names, *known}
    others = ("spotkiln.aws", "spotkiln.cli", "spotkiln.receiver", "spotkiln.prefect_api")
    assert not [name for name in imported(path) if name.startswith(others)]


@pytest.mark.programs
def test_the_receiver_does_not_load_what_runs_flows() -> None:
    """It faces the network: Prefect's client is all of Prefect that it needs."""
    loaded = loaded_by(["spotkiln.receiver.__main__"])
    assert "prefect.client.orchestration" in loaded
    heavy = {"boto3", "sqlalchemy", "prefect.server", "prefect.engine", "prefect.workers"}
    assert loaded.isdisjoint(heavy)
