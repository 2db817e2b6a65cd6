"""Rehearse: a whole rehearsal of one application, scene by scene."""

import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from rehearsal import lines, scenes, services, tree
from rehearsal.account import TARGET_GROUP
from rehearsal.asked import Asked, Kind, Subject
from rehearsal.load import Plan
from rehearsal.machine import Machines, NotThere
from rehearsal.seen import End, Scene, Seen, most
from rehearsal.settings import TEST_PROFILE, path_for_tests, path_of, put
from rehearsal.stage import Played, Stage, deploy, play, tell
from rehearsal.traffic import Page, load
from rehearsal.veil import veiled
from rehearsal.watch import Scales, Watch
from rehearsal.world import Say, begin
from sandbox.client import Sandbox
from spotkiln.bake.app import App

REST_SECONDS = 3
# Draining need not last: requests take milliseconds. Patient with machines that share this one's
# processors.
GROUP = {"timeout": 4, "unhealthy": 3, "deregistration_delay": 5}
NOT_REAL = (
    "Not real here: the machines (simulated, nothing was booted) and Packer (a stand-in that makes "
    "the same EC2 calls). Real: the flow, Prefect, the load balancer"
)
REPOSITORY = "repository"
FIRST = "bake, image test, first release"
Scenes = list[tuple[str, Callable[[Stage], Played]]]


def _parameters(subject: Subject, repository: Path, *, settings: bool) -> dict[str, Any]:
    """Of both deployments; `settings`: whether the application has any."""
    folder = {"folder": subject.place.folder} if subject.place.folder else {}
    source = {"name": subject.name, "repository": str(repository), "ref": tree.BRANCH, **folder}
    infra = {"base_image": f"{subject.base.name}*"}
    found: dict[str, Any] = {"app": source, "infra": infra}
    if settings:
        found["configuration"] = {"parameters": [path_of(subject.name)]}
    if subject.test_settings:
        found["test_configuration"] = {"parameters": [path_for_tests(subject.name)]}
        infra["test_instance_profile"] = TEST_PROFILE
    return found


def _under_load(stage: Stage, repository: Path, folder: str) -> Scenes:
    def second(on: Stage) -> Played:
        tree.change(repository, folder)
        return scenes.release()(on)

    lost = [(f"{one.name} goes away and comes back", scenes.lose(one)) for one in stage.services]
    return [
        ("a new commit is released", second),
        ("the same commit is released again", scenes.release(force=True)),
        ("a server is interrupted", scenes.interrupt),
        ("a worker is killed", scenes.kill_worker),
        *lost,
        ("a rollback", scenes.roll_back),
    ]


def _group(app: App) -> dict[str, Any]:
    """The account's only one: its servers read what this application is told."""
    health = {"health_port": app.health_port} if app.health_port != app.port else {}
    reads = {"ParameterPath": path_of(app.name).rstrip("/")}
    listens = {"port": app.port, "path": app.health_path, **health}
    return {"name": TARGET_GROUP, **listens, **GROUP, "stack": reads}


def _begin(
    stack: ExitStack, asked: Asked, subject: Subject, home: Path, say: Say
) -> tuple[Stage, dict[str, str]]:
    """Everything that the scenes play on, ready; and the settings that the application is given."""
    real, app = asked.machines is Kind.DOCKER, subject.settled.app
    tree.take(subject.place.top, home / REPOSITORY)
    group = _group(app)
    running: list[services.Service] = []

    def beside(box: Sandbox) -> None:
        if not real and app.test_services:
            lines.pretend(box, app.test_services)
        wanted = subject.services if real else ()
        running.extend(services.start(box, Machines(box), one, say) for one in wanted)

    world = begin(
        stack,
        home=home,
        sandbox=home / "sandbox",
        machines=asked.machines,
        password=f"spotkiln:{secrets.token_urlsafe(32)}",
        port=0,
        say=say,
        target_groups=[group],
        base=subject.base,
        meanwhile=beside,
    )
    given = services.tell(subject.settings, running)
    hidden = _hidden(given, subject, running)

    def clear(text: str) -> None:
        say(veiled(text, hidden))

    stage = Stage(world, app, real, clear, Machines(world.box), running, hidden)
    put(world.box, path_of(app.name), given)
    put(world.box, path_for_tests(app.name), subject.test_settings)
    deploy(stage, _parameters(subject, home / REPOSITORY, settings=bool(given)))
    return stage, given


def rehearse(asked: Asked, subject: Subject, home: Path, say: Say) -> tuple[Seen, list[str]]:
    """What was seen; and the values that nobody may read in it. All that it starts ends with it."""
    start = time.monotonic()
    with ExitStack() as stack:
        stage, given = _begin(stack, asked, subject, home, say)
        say(f"ready after {time.monotonic() - start:.0f} s")
        pages, at_rest, under_load = _perform(stack, stage, asked, subject, home)
        seen = Seen(
            app=stage.app,
            kind=subject.kind,
            commit=tree.commit_of(subject.place.top),
            machines=asked.machines,
            seconds=round(time.monotonic() - start),
            scenes=tuple(stage.scenes),
            pages=tuple(pages),
            lives=stage.watch.lives() if stage.watch else (),
            at_rest=at_rest,
            under_load=under_load,
            servers=tuple(stage.servers.values()),
            stopped=stage.stopped,
            sick_without=tuple(stage.sick_without),
            given=tuple(sorted(given)),
            not_real="" if stage.real else NOT_REAL,
        )
        say("cleaning up ...")
    return seen, _hidden(given, subject, stage.services)


def _hidden(
    given: Mapping[str, str], subject: Subject, running: Iterable[services.Service]
) -> list[str]:
    """The values that nobody may read, neither on the way nor at the end."""
    passwords = [one.password for one in running]
    return [*given.values(), *subject.test_settings.values(), *passwords]


def _perform(
    stack: ExitStack, stage: Stage, asked: Asked, subject: Subject, home: Path
) -> tuple[list[Page], dict[str, int], dict[str, int]]:
    """All scenes. The pages as they answered at rest, and the memory at rest and under load."""
    app, pages = stage.app, list[Page]()
    stage.watch = Watch(stage.world.box, app, real=stage.real)
    stage.watch.start()
    stack.callback(stage.watch.stop)
    first = play(stage, FIRST, scenes.release())
    rest = _under_load(stage, home / REPOSITORY, subject.place.folder)
    if first.end is not End.WELL:
        _skip(stage, ["pages at rest", *(name for name, _ in rest)], "nothing serves")
        return pages, {}, {}
    paths = ["/", app.health_path, *app.smoke]
    play(stage, "pages at rest", scenes.see_pages(paths, app.health_path, pages))
    at_rest = _weigh(stage)
    good = {one.path: one.status for one in pages if not one.error}
    absent = tuple(path for one in pages for path in one.absent)
    plan = Plan(stage.world.box.load_balancer(TARGET_GROUP), good, absent, asked.rate)
    if not good:
        _skip(stage, [name for name, _ in rest], "no page answers")
        return pages, at_rest, {}
    stage.say(f"from now on {plan.rate:g} visits a second to {', '.join(good)}")
    stage.load = stack.enter_context(load(plan, home / "load.json"))
    scales = Scales(stage.machines, stage.watch, app)
    if stage.real:
        scales.start()
        stack.callback(scales.stop)
    for name, scene in rest:
        play(stage, name, scene)
    for one in [] if stage.real else subject.services:
        _skip(stage, [f"{one} goes away and comes back"], scenes.NOT_REAL)
    return pages, at_rest, scales.most


def _skip(stage: Stage, names: list[str], why: str) -> None:
    for name in names:
        stage.scenes.append(Scene(name=name, end=End.SKIPPED, told=why))
        tell(stage.say, stage.scenes[-1])


def _weigh(stage: Stage) -> dict[str, int]:
    if not stage.real:
        return {}
    time.sleep(REST_SECONDS)
    found: list[dict[str, int]] = []
    for one in stage.targets.healthy():
        with suppress(NotThere):
            found.append(stage.machines.memory(one, stage.app.name, stage.app.user))
    return most(found)
