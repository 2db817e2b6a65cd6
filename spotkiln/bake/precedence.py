"""Precedence: what a commit is released with, and where each value comes from.

A deployment's parameters come first, then the application's spotkiln.yaml, then what is detected,
then the default.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any

from spotkiln.bake.app import DEFAULTS, App, AppSpec
from spotkiln.bake.description import Description
from spotkiln.bake.detect.detected import Detected
from spotkiln.bake.interpreter import Need
from spotkiln.bake.keys import FOLLOWS, MAY_BE_NONE, VARIABLES
from spotkiln.errors import InputError
from spotkiln.noun import Noun

# As much of a command as fits into a table.
SHOWN = 100
# Nothing is told of these where nobody has said anything.
NFS = Need(what="the package nfs-common", file="mounts")
SELDOM = {
    "dependencies",
    "depends_on",
    "health_port",
    "lock",
    "memory_mb",
    "migrate_writable",
    "mounts",
    "processes",
    "test_services",
    "timers",
}
UNTOLD = "no file tells it"


class Origin(StrEnum):
    DEPLOYMENT = "deployment"
    FILE = "spotkiln.yaml"
    DETECTED = "detected"
    DEFAULT = "default"


class Setting(Noun):
    """One value: `why` is the reason of what was detected. Variables are told by name, and nothing
    is `shown` of their values."""

    key: str
    shown: str
    origin: Origin
    why: str = ""

    @property
    def source(self) -> str:
        return f"{self.origin}: {self.why}" if self.why else str(self.origin)


class Unsaid(InputError):
    """Nobody says these `keys`, and they have no default."""

    def __init__(self, message: str, keys: Sequence[str]) -> None:
        super().__init__(message)
        self.keys = tuple(keys)


class Settled(Noun):
    """The application as it is released. `needs` is what the base image must have. `no_layer` is
    why its dependencies cannot have a layer; empty if they can."""

    app: App
    settings: tuple[Setting, ...]
    needs: tuple[Need, ...] = ()
    no_layer: str = ""


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        text = "; ".join(f"{name}: {one}" for name, one in value.items())
    else:
        text = " ".join(value) if isinstance(value, tuple) else str(value)
    text = " ".join(text.split()) or "(none)"
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def told(settings: Iterable[Setting], needs: Iterable[Need] = ()) -> str:
    """A line for each, for a log."""
    rows = [(one.key, one.shown, one.source) for one in settings]
    wide = [max((len(row[at]) for row in rows), default=0) for at in range(2)]
    lines = [
        f"  {key:{wide[0]}}  {shown:{wide[1]}}  {source}".rstrip() for key, shown, source in rows
    ]
    return "\n".join(["released with:", *lines, *(f"  needs {one}" for one in needs)])


def _pick(
    key: str, asked: Description, file: Description | None, detected: Detected
) -> tuple[Any, Setting]:
    """The first that says anything."""
    why = ""
    if (value := getattr(asked, key)) is not None:
        origin = Origin.DEPLOYMENT
    elif file is not None and (value := getattr(file, key)) is not None:
        origin = Origin.FILE
    elif (found := detected.find(key)) is not None:
        value, origin, why = found.value, Origin.DETECTED, found.why
    else:
        value, origin = getattr(DEFAULTS, key), Origin.DEFAULT
    shown = f"as {FOLLOWS[key]}" if value is None and key in FOLLOWS else _shown(value)
    return value, Setting(key=key, shown=shown, origin=origin, why=why)


def _join(
    key: str, asked: Description, file: Description | None, detected: Detected
) -> tuple[dict[str, str], list[Setting]]:
    """Variables, joined one by one. Where there is no spotkiln.yaml, what a deployment gives is the
    whole environment."""
    given, found = getattr(asked, key), detected.find(key)
    layers: list[tuple[Origin, dict[str, str], str]] = []
    if file is None and given is not None:
        layers.append((Origin.DEPLOYMENT, given, ""))
    else:
        if found is not None:
            layers.append((Origin.DETECTED, found.value, found.why))
        layers.append((Origin.FILE, (file and getattr(file, key)) or {}, ""))
        layers.append((Origin.DEPLOYMENT, given or {}, ""))
    joined: dict[str, str] = {}
    settings: dict[str, Setting] = {}
    for origin, variables, why in layers:
        joined |= variables
        for name in variables:
            settings[name] = Setting(key=f"{key}.{name}", shown="", origin=origin, why=why)
    return joined, list(settings.values())


def _require_said(values: dict[str, Any], detected: Detected) -> None:
    """What has no default must be said."""
    open_ = [key for key, value in values.items() if value is None and key not in MAY_BE_NONE]
    if not open_:
        return
    files = f"its files ({detected.kind})" if detected.kind else "its files"
    listed = "; ".join(f"{key}: {detected.missing.get(key, UNTOLD)}" for key in open_)
    raise Unsaid(
        f"expected the application to tell how it is released, and {files} do not tell all of it: "
        f"{listed}. Say it in spotkiln.yaml (`spotkiln init` begins one) or in the deployment",
        open_,
    )


def _require_one_port(values: dict[str, Any]) -> None:
    """The units set PORT; a variable of that name would come before it."""
    for key in ("environment", "test_environment"):
        given = values[key].get("PORT", str(values["port"]))
        if given != str(values["port"]):
            raise InputError(
                f"{key} sets PORT to {given!r}, and `port` is {values['port']}: it would listen at "
                f"one port and be asked at the other. Leave PORT out of {key}, for it is set to "
                "`port`; if it shall listen at another one, change `port`"
            )


def _as_one(detected: Detected, asked: Description, file: Description | None) -> Detected:
    """Without what does not fit what somebody has said. Whoever says `build` and no `dependencies`
    installs there; and which files another `dependencies` needs, nobody can tell but who wrote
    it."""

    def said(key: str) -> bool:
        return any(getattr(one, key) is not None for one in (asked, file) if one is not None)

    left = detected.model_copy(update={"no_layer": ""})
    if said("dependencies"):
        return left.without("lock")
    return left.without("dependencies", "lock") if said("build") else detected


def _why_no_layer(app: App, detected: Detected) -> str:
    """Why its dependencies cannot have a layer; empty if they can."""
    if app.dependencies and app.lock:
        return ""
    if app.dependencies:
        return detected.no_layer or "`lock` does not name the files that `dependencies` needs"
    return detected.no_layer or (
        "`build` installs them, if there are any: say `dependencies` and `lock`"
    )


def _with_its_end(one: Setting, app: App) -> Setting:
    """What becomes of what is written there, where it is easily thought to stay."""
    if one.key != "writable" or not {*app.writable} - {*app.mounts}:
        return one
    kept = f", but for {', '.join(app.mounts)}" if app.mounts else ""
    lost = f"what is written there is lost with the server{kept}"
    return one.model_copy(update={"why": "; ".join(filter(None, (one.why, lost)))})


def settle_the_rest(
    asked: AppSpec, file: Description | None, detected: Detected, unsaid: Sequence[str]
) -> App:
    """What is known as yet, with a command that does nothing for each of the `unsaid` keys."""
    stand_ins = dict.fromkeys(unsaid, "true")
    said = (file or Description()).model_copy(update=stand_ins)
    return settle(asked, said, detected).app


def settle(asked: AppSpec, file: Description | None, detected: Detected) -> Settled:
    """What a commit is released with. `file` is None if the commit has no spotkiln.yaml.

    Raises:
        Unsaid: a value that has no default is said nowhere.
        InputError: two values do not fit together.
    """
    values: dict[str, Any] = {}
    settings: list[Setting] = []
    detected = _as_one(detected, asked, file)
    for key in Description.model_fields:
        if key in VARIABLES:
            values[key], more = _join(key, asked, file, detected)
            settings += more
        else:
            values[key], one = _pick(key, asked, file, detected)
            settings.append(one)
    for key, other in FOLLOWS.items():
        values[key] = values[other] if values[key] is None else values[key]
    _require_said(values, detected)
    _require_one_port(values)
    if values["depends_on"] and not asked.folder:
        raise InputError(
            "depends_on is for an application in a folder of a repository, and this one has all of "
            "the repository: leave depends_on out, or name the `folder` in the deployment"
        )
    if values["lock"] and not values["dependencies"]:
        raise InputError(
            "lock names what `dependencies` needs, and there is none: move the command that "
            "installs from `build` into `dependencies`, or leave lock out"
        )
    app = App(name=asked.name, folder=asked.folder, **values)
    told_of = (x for x in settings if x.key not in SELDOM or x.origin is not Origin.DEFAULT)
    return Settled(
        app=app,
        settings=tuple(_with_its_end(one, app) for one in told_of),
        needs=(*detected.needs, *([NFS] if app.mounts else [])),
        no_layer=_why_no_layer(app, detected),
    )
