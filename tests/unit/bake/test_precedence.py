"""Which of a deployment, spotkiln.yaml, detection and default a value comes from."""

from typing import Any

import pytest

from spotkiln.bake.app import DEFAULTS, AppSpec
from spotkiln.bake.description import Description
from spotkiln.bake.detect.detected import Detected, Finding, Notes
from spotkiln.bake.interpreter import Interpreter, Need
from spotkiln.bake.keys import VARIABLES
from spotkiln.bake.precedence import Origin, Setting, Settled, settle, told
from spotkiln.errors import InputError
from tests.unit.nouns import app

NOTHING = Detected()
ALL: dict[str, Any] = {
    "dependencies": "make packages",
    "lock": ("packages",),
    "build": "make",
    "test_setup": "",
    "test": "make test",
    "migrate": "",
    "migrate_on": "each",
    "start": "./serve",
    "notify": False,
    "port": 8080,
    "health_port": 9090,
    "health_path": "/",
    "user": "shop",
    "environment": {"A": "1"},
    "build_environment": {"A": "3"},
    "test_environment": {"A": "2"},
    "config": ("DATABASE_URL",),
    "test_services": ("redis",),
    "writable": ("media",),
    "migrate_writable": ("db",),
    "mounts": ("uploads",),
    "smoke": ("/", "/products"),
    "hardening": "strict",
    "migrate_seconds": 60,
    "start_seconds": 20,
    "stop_seconds": 30,
    "test_seconds": 300,
    "memory_mb": 512,
    "processes": {
        "worker": {
            "start": "./work",
            "notify": True,
            "start_seconds": 20,
            "stop_seconds": 60,
            "restart": "on-failure",
            "memory_mb": 256,
            "once": True,
        }
    },
    "timers": {"report": {"run": "./report", "on": "daily", "seconds": 60, "once": True}},
    "depends_on": ("lib",),
}


# What has no default.
SAID = {"build": "make it", "test": "make check", "start": "./run"}


def asked(**changes: Any) -> AppSpec:
    return app(**{**SAID, **changes})


def default(key: str) -> Any:
    return SAID.get(key, getattr(DEFAULTS, key))


def origins(settled: Settled) -> dict[str, Origin]:
    return {one.key: one.origin for one in settled.settings}


def found(**values: Any) -> Detected:
    notes = Notes("Node")
    for key, value in values.items():
        notes.say(key, value, f"package.json has {key}")
    return notes.told()


def test_a_deployment_with_all_parameters_is_released_with_these() -> None:
    settled = settle(app(folder="web", **ALL), None, NOTHING)
    assert settled.app.model_dump() == {"name": "demo-web-app", "folder": "web", **ALL}
    assert set(origins(settled).values()) == {Origin.DEPLOYMENT}


def test_what_has_a_default_may_be_left_out_by_all() -> None:
    settled = settle(asked(), None, NOTHING)
    assert settled.app.model_dump() == {
        "name": "demo-web-app",
        "folder": "",
        **DEFAULTS.model_dump(),
        **SAID,
        "health_port": DEFAULTS.port,
        "memory_mb": None,
    }
    assert "health_port" not in origins(settled)
    assert {key: one for key, one in origins(settled).items() if one is not Origin.DEFAULT} == (
        dict.fromkeys(SAID, Origin.DEPLOYMENT)
    )


def test_what_has_no_default_must_be_said() -> None:
    with pytest.raises(InputError) as caught:
        settle(app(start="./run"), None, NOTHING)
    assert str(caught.value) == (
        "expected the application to tell how it is released, and its files do not tell all of it: "
        "build: no file tells it; test: no file tells it. Say it in spotkiln.yaml (`spotkiln init` "
        "begins one) or in the deployment"
    )
    detected = Detected(kind="Go", missing={"start": "two programs: say which one serves"})
    with pytest.raises(InputError, match=r"files \(Go\) .*start: two programs: say which one"):
        settle(app(build="make", test="make test"), None, detected)


# What is detected of these goes together with what is detected of `build`.
APART = {"dependencies", "lock"}


@pytest.mark.parametrize("key", [key for key in ALL if key not in {*VARIABLES, *APART}])
def test_each_comes_from_the_first_that_says_it(key: str) -> None:
    """Also where what it says is empty, or off."""
    value, other = ALL[key], default(key)
    rest = {name: text for name, text in SAID.items() if name != key}
    folder = app(folder="web", **rest)
    by_deployment = app(folder="web", **rest, **{key: value})
    for settled, origin in (
        (settle(by_deployment, Description(**{key: other}), found(**{key: other})), "deployment"),
        (settle(folder, Description(**{key: value}), found(**{key: other})), "spotkiln.yaml"),
        (settle(folder, Description(), found(**{key: value})), "detected"),
        (settle(folder, None, found(**{key: value})), "detected"),
    ):
        assert settled.app.model_dump()[key] == value
        assert origins(settled)[key] == origin


@pytest.mark.parametrize("key", ["environment", "test_environment"])
def test_a_variable_cannot_say_another_port(key: str) -> None:
    """The unit's PORT would be what the variable says, and the load balancer asks at `port`."""
    ends = "would listen at one port and be asked at the other. Leave PORT out"
    for asked_for, file in (
        (asked(port=8080, **{key: {"PORT": "3000"}}), None),
        (asked(port=8080), Description(**{key: {"PORT": "3000"}})),
    ):
        with pytest.raises(InputError, match=f"{key} sets PORT to '3000', and `port` is 8080") as x:
            settle(asked_for, file, NOTHING)
        assert ends in str(x.value)
    settled = settle(asked(port=8080, **{key: {"PORT": "8080"}}), None, NOTHING)
    assert getattr(settled.app, key) == {"PORT": "8080"}


@pytest.mark.parametrize(
    ("folders", "told"),
    [
        ({"writable": ("log", "tmp")}, "deployment: what is written there is lost with the server"),
        (
            {"writable": ("log", "media"), "mounts": ("media",)},
            "deployment: what is written there is lost with the server, but for media",
        ),
        ({"writable": ("media",), "mounts": ("media",)}, "deployment"),
        ({"writable": ()}, "deployment"),
    ],
)
def test_what_is_lost_with_a_server_is_told_where_its_folders_are(
    folders: dict[str, Any], told: str
) -> None:
    settings = settle(asked(**folders), None, NOTHING).settings
    (one,) = (x for x in settings if x.key == "writable")
    assert one.source == told


def test_the_health_port_is_the_port_unless_somebody_says_another() -> None:
    assert settle(asked(port=8080), None, NOTHING).app.health_port == 8080
    settled = settle(asked(port=8080), Description(health_port=9090), NOTHING)
    assert (settled.app.port, settled.app.health_port) == (8080, 9090)
    assert origins(settled)["health_port"] == Origin.FILE


@pytest.mark.parametrize("key", VARIABLES)
class TestVariables:
    def test_are_joined_one_by_one(self, key: str) -> None:
        settled = settle(
            asked(**{key: {"C": "deployment"}}),
            Description(**{key: {"B": "file", "C": "file"}}),
            found(**{key: {"A": "detected", "B": "detected", "C": "detected"}}),
        )
        assert getattr(settled.app, key) == {"A": "detected", "B": "file", "C": "deployment"}
        assert {k: v for k, v in origins(settled).items() if k.startswith(f"{key}.")} == {
            f"{key}.A": Origin.DETECTED,
            f"{key}.B": Origin.FILE,
            f"{key}.C": Origin.DEPLOYMENT,
        }

    def test_of_a_deployment_are_all_where_the_commit_says_nothing(self, key: str) -> None:
        """As it was before there was a spotkiln.yaml."""
        settled = settle(asked(**{key: {"A": "1"}}), None, found(**{key: {"B": "2"}}))
        assert getattr(settled.app, key) == {"A": "1"}

    def test_none_at_all(self, key: str) -> None:
        assert getattr(settle(asked(**{key: {}}), None, NOTHING).app, key) == {}

    def test_are_told_by_name_alone(self, key: str) -> None:
        settled = settle(asked(), Description(**{key: {"TOKEN": "hush"}}), NOTHING)
        assert "hush" not in told(settled.settings)
        assert f"{key}.TOKEN" in told(settled.settings)


def test_depends_on_is_for_an_application_in_a_folder() -> None:
    with pytest.raises(InputError, match="depends_on is for an application in a folder"):
        settle(asked(), Description(depends_on=("lib",)), NOTHING)


def test_the_log_tells_what_came_from_where() -> None:
    detected = Detected(
        kind="Node",
        findings=(Finding(key="start", value="node .", why="package.json has main"),),
        needs=(Need.of(Interpreter.NODE, "22", ".nvmrc"),),
    )
    settled = settle(
        app(port=8080, test="make"), Description(build="npm ci\nnpm run build"), detected
    )
    lines = told(settled.settings, settled.needs).splitlines()
    assert lines[0] == "released with:"
    assert [line.split() for line in lines if line.split()[0] in {"build", "start", "port"}] == [
        ["build", "npm", "ci", "npm", "run", "build", "spotkiln.yaml"],
        ["start", "node", ".", "detected:", "package.json", "has", "main"],
        ["port", "8080", "deployment"],
    ]
    assert lines[-1] == "  needs Node 22 (.nvmrc)"


def test_a_long_command_is_cut_in_the_table() -> None:
    settled = settle(asked(build="x" * 500), None, NOTHING)
    shown = next(one.shown for one in settled.settings if one.key == "build")
    assert (len(shown), shown[-1]) == (100, "…")
    assert Setting(key="a", shown="b", origin=Origin.FILE).source == "spotkiln.yaml"


SPLIT = {"dependencies": "npm ci", "lock": ("package-lock.json",), "build": "npm run build"}
OPEN = {"test": "make check", "start": "./run"}


def test_dependencies_are_told_apart_where_all_of_it_is_detected() -> None:
    settled = settle(app(**OPEN), Description(), found(**SPLIT))
    assert (settled.app.dependencies, settled.app.lock) == ("npm ci", ("package-lock.json",))
    assert (settled.no_layer, settled.app.made_by) == ("", "npm ci\nnpm run build")


@pytest.mark.parametrize("by", ["deployment", "file"])
def test_whoever_says_build_alone_installs_there(by: str) -> None:
    """Or it would be installed twice."""
    said = {"build": "npm ci && make"}
    asked_for, file = (app(**OPEN, **said), None) if by == "deployment" else (app(**OPEN), said)
    settled = settle(asked_for, Description(**file) if file else None, found(**SPLIT))
    assert (settled.app.dependencies, settled.app.lock) == ("", ())
    assert settled.no_layer == (
        "`build` installs them, if there are any: say `dependencies` and `lock`"
    )
    assert not {"dependencies", "lock"} & origins(settled).keys()


def test_only_who_writes_a_command_knows_which_files_it_needs() -> None:
    settled = settle(app(**OPEN), Description(dependencies="./install"), found(**SPLIT))
    assert (settled.app.dependencies, settled.app.lock) == ("./install", ())
    assert settled.app.build == "npm run build"
    assert settled.no_layer == "`lock` does not name the files that `dependencies` needs"
    both = settle(app(**OPEN), Description(dependencies="./x", lock=("a",)), found(**SPLIT))
    assert (both.app.lock, both.no_layer) == (("a",), "")


def test_a_lock_may_be_said_of_a_command_that_is_detected() -> None:
    no_lock = {key: one for key, one in SPLIT.items() if key != "lock"}
    why = "package.json has the script postinstall"
    detected = found(**no_lock).model_copy(update={"no_layer": why})
    assert settle(app(**OPEN), None, detected).no_layer == why
    settled = settle(app(**OPEN), Description(lock=("bin",)), detected)
    assert (settled.app.dependencies, settled.app.lock) == ("npm ci", ("bin",))
    assert settled.no_layer == ""


def test_a_lock_without_a_command_is_refused() -> None:
    with pytest.raises(InputError, match="lock names what `dependencies` needs, and there is none"):
        settle(app(**OPEN), Description(build="make", lock=("a",)), NOTHING)
