"""What a release would do with an application as it lies in a folder, for `spotkiln check`."""

import re
from collections.abc import Iterable, Iterator

from spotkiln.bake.app import App
from spotkiln.bake.choices import MigrateOn
from spotkiln.bake.detect.beside import runs_on_one_server
from spotkiln.bake.detect.detected import UNUSED, Detected, Finding
from spotkiln.bake.folders import outermost
from spotkiln.bake.keys import VARIABLES
from spotkiln.bake.precedence import Setting, Settled
from spotkiln.noun import Noun

SECRET = re.compile(r"(?i)(password|passwd|secret|token|api_?key|private_?key|credential)")
# What is given where a framework insists on a secret that it does not use.
STAND_INS = ("1", UNUSED)
LOCAL = re.compile(r"(?<![\w.-])(127\.0\.0\.1|localhost|\[::1\])(?=:|\s|$)")
# A shell of theirs is between them and the program, and ends first.
PASSES_NO_SIGNAL = re.compile(r"\s*(?:[A-Za-z_]\w*=\S*\s+)*(?:npm|npx|pnpm|yarn)\s")
# Of a package.json, scripts that build.
BUILDS = re.compile(r"\b(?:build[:-][\w:-]+|[\w-]+[:-]build)\b")

WHERE = {
    MigrateOn.ONCE: "once, before servers are asked for",
    MigrateOn.EACH: "on each server, before it starts",
}


class Checked(Noun):
    """`file` is empty if there is no spotkiln.yaml, `kind` if nothing was detected. `hints` are
    what is allowed and probably not meant."""

    file: str
    kind: str
    folder: str
    steps: dict[str, str]
    settings: tuple[Setting, ...]
    needs: tuple[str, ...]
    hints: tuple[str, ...]


def steps(app: App) -> dict[str, str]:
    """What a release would do, in order."""
    ready = "tells systemd when it is ready" if app.notify else "its health path tells"
    elsewhere = f" on port {app.health_port}" if app.health_port != app.port else ""
    beside = {
        "beside": "; ".join(f"{name}: {one}" for name, one in app.processes.items()),
        "timers": "; ".join(f"{name}: {one}" for name, one in app.timers.items()),
    }
    return {
        **({"install": app.dependencies} if app.dependencies else {}),
        "build": app.build or "nothing",
        "test": " && ".join(filter(None, (app.test_setup, app.test))),
        "migrate": f"{app.migrate} ({WHERE[app.migrate_on]})" if app.migrate else "nothing",
        "start": app.start,
        "serve": f"port {app.port}, health path {app.health_path}{elsewhere}; {ready}",
        **{name: text for name, text in beside.items() if text},
        **({"keep": _fate(app)} if app.writable or app.mounts else {}),
    }


def _fate(app: App) -> str:
    """What becomes of what it writes."""
    lost = outermost({*app.writable} - {*app.mounts})
    parts = [f"{', '.join(outermost(app.mounts))} on file systems of their own" * bool(app.mounts)]
    parts += [f"{', '.join(lost)}: lost with each server" * bool(lost)]
    return "; ".join(filter(None, parts))


def with_values(settings: Iterable[Setting], app: App) -> Iterator[Setting]:
    """With the values of variables, which lie in the very folder; but for what looks like a secret
    in the wrong place."""
    for one in settings:
        key, _, name = one.key.partition(".")
        if key in VARIABLES and name:
            variables: dict[str, str] = getattr(app, key)
            # What tests are given under a name of `config` is no deployment's value.
            secret = name in _secrets(variables) or (key == "environment" and name in app.config)
            yield one.model_copy(update={"shown": "(not shown)" if secret else variables[name]})
        else:
            yield one


def hints(
    app: App,
    locked: frozenset[str] = frozenset(),
    suggested: Iterable[Finding] = (),
    warned: Iterable[str] = (),
) -> Iterator[str]:
    """`locked` are the files that are there and may not be executed; `suggested` and `warned` are
    what was detected."""
    suggested = tuple(suggested)
    if "JUNIT" not in app.test:
        yield (
            "test: $JUNIT is not in it: the tests must write a JUnit report there, by their own "
            "settings if not by this command"
        )
    if LOCAL.search(app.start):
        yield "start: it seems to listen on this machine alone; a load balancer needs 0.0.0.0"
    for key, command in _commands(app):
        program = next((x for x in command.split() if "=" not in x), "").removeprefix("./")
        if program in locked:
            yield f"{key}: {program} is not executable: `git update-index --chmod=+x {program}`"
        if key.endswith("start") and PASSES_NO_SIGNAL.match(command):
            yield (
                f"{key}: npm, pnpm and yarn do not hand SIGTERM on, so what is being done at a "
                "stop is cut off: start what the script starts, such as `NODE_ENV=production node "
                "server.js`, in another folder by `env --chdir=web node server.js`"
            )
    yield from _beside(app, suggested)
    yield from _wanted(app, suggested)
    yield from (one for one in warned if not _is_met(app, one))
    for name in _secrets(app.environment):
        yield (
            f"environment: {name} looks like a secret, and all of it is baked into the image, "
            "readable by all who may read the image: name it in config, and put its value "
            "where the deployment's configuration is"
        )
    for name in app.config:
        if name in app.environment:
            yield f"environment: {name} is in config as well: what each deployment has goes before"
    for name in _secrets(app.build_environment):
        yield (
            f"build_environment: {name} looks like a secret, and a build can leave it in the "
            "image; name where it is in the deployment's build.secrets"
        )


def without(ignored: Iterable[str]) -> Iterator[str]:
    """What lies there, and no release has."""
    if names := ", ".join(ignored):
        yield (
            f"{names}: git ignores it, so no release has it: `git add --force` it if it belongs to "
            "the application and holds no secret"
        )


def about_layers(settled: Settled, detected: Detected) -> Iterator[str]:
    """Where a layer would spare time, and there is none."""
    found = detected.find("dependencies")
    if settled.app.dependencies and settled.no_layer:
        yield f"dependencies: they are installed anew at each bake: {settled.no_layer}"
    elif found and not settled.app.dependencies:
        yield (
            f"build: what it installs it installs at each bake; as `dependencies: {found.value}`, "
            "and no more in build, it would be kept as a layer"
        )


def _is_met(app: App, warned: str) -> bool:
    """Whether what the application says answers what was detected."""
    key, _, about = warned.partition(": ")
    said = {*app.environment, *app.config}
    return (
        (key == "migrate" and bool(app.migrate))
        or (key == "build" and any(one in app.build for one in BUILDS.findall(about)))
        or (key == "health_path" and "ALLOWED_HOSTS" in said and "ALLOWED_HOSTS" in about)
    )


def _commands(app: App) -> Iterator[tuple[str, str]]:
    yield "start", app.start
    yield "migrate", app.migrate
    yield from ((f"processes.{name}.start", one.start) for name, one in app.processes.items())
    yield from ((f"timers.{name}.run", one.run) for name, one in app.timers.items())


def _beside(app: App, suggested: Iterable[Finding]) -> Iterator[str]:
    for name, one in app.processes.items():
        if not one.once and runs_on_one_server(name, one.start):
            yield f"processes.{name}: it runs on each server; on one only with `once: true`"
    if not app.processes:
        for found in (found for found in suggested if found.key == "processes"):
            named = "; ".join(f"{name}: {process}" for name, process in found.value.items())
            yield f"processes: {found.why}: {named}"


def _wanted(app: App, suggested: Iterable[Finding]) -> Iterator[str]:
    for one in suggested:
        if one.key in {"config", "test_services"} and not getattr(app, one.key):
            yield f"{one.key}: {one.why}: {one.key}: [{', '.join(one.value)}]"


def _secrets(variables: dict[str, str]) -> list[str]:
    """The names of those that look like secrets. What stands in for one is none."""
    named = [name for name, value in variables.items() if SECRET.search(name) and value]
    return [name for name in named if variables[name] not in STAND_INS]


def summary(checked: Checked) -> str:
    """The first lines for people."""
    kind = f"detected: {checked.kind}" if checked.kind else "no kind that is known was detected"
    file = f"{checked.file} is right" if checked.file else "there is no spotkiln.yaml"
    rows = [f"  {name:8} {' '.join(text.split())}" for name, text in checked.steps.items()]
    needs = [f"the base image must have {one}" for one in checked.needs]
    where = [f"the deployment names it: folder: {checked.folder}"] if checked.folder else []
    notes = [f"hint: {one}" for one in checked.hints]
    return "\n".join([f"{file}; {kind}. A release would", *rows, *needs, *where, *notes])
