"""Scenes: what happens to an application sooner or later, each once."""

import re
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

from rehearsal.account import TARGET_GROUP
from rehearsal.followed import follow
from rehearsal.machine import NotThere
from rehearsal.seen import Server
from rehearsal.services import Service, switch
from rehearsal.stage import Failed, Played, Skipped, Stage
from rehearsal.traffic import Page, look
from spotkiln.bake.app import App

# As long before the end of a Spot instance as AWS says.
NOTICE_SECONDS = 120
REPLACED_SECONDS = 420
RESTARTED_SECONDS = 90
AWAY_SECONDS = 10
# How soon after a service is back its users must be well again: two health checks and some.
BACK_SECONDS = 20
SETTLED_SECONDS = 120
# Of the unit that leads a machine out of an interruption.
STOPPING, STOPPED = "stopping {}", "{} has stopped"
NOT_REAL = "only with real machines (Docker): a simulated one runs nothing"


def release(**given: object) -> Callable[[Stage], Played]:
    """A release, as it is or with some other parameters."""

    def scene(stage: Stage) -> Played:
        row, _ = follow(stage.runs, "release", stage.app.name, dict(given), stage.say)
        if row["outcome"] != "released":
            raise Failed(f"{row['outcome']}: {row['cause']}")
        _look_at_all(stage)
        return Played(f"released in {row['seconds']:.0f} s")

    return scene


def roll_back(stage: Stage) -> Played:
    """To the version before. Until now its servers have been under load the longest."""
    _look_at_all(stage)
    row, _ = follow(stage.runs, "rollback", stage.app.name, {}, stage.say)
    if row["outcome"] != "released":
        raise Failed(f"{row['outcome']}: {row['cause']}")
    return Played(f"back in {row['seconds']:.0f} s, without a build")


def see_pages(paths: Iterable[str], health: str, keep: list[Page]) -> Callable[[Stage], Played]:
    """All pages once, before anything disturbs them."""

    def scene(stage: Stage) -> Played:
        keep.extend(look(stage.world.box.load_balancer(TARGET_GROUP), list(dict.fromkeys(paths))))
        wrong = [
            f"{one.path}: {one.error or f'HTTP {one.status}'}"
            for one in keep
            if one.error or one.status >= 500 or (one.path == health and one.status >= 300)
        ]
        wrong += [f"{x.path} links to {one}, which is not there" for x in keep for one in x.absent]
        if wrong:
            raise Failed("; ".join(wrong))
        count = sum(len(one.assets) for one in keep)
        return Played(f"{len(keep)} pages, {count} assets")

    return scene


def _look_at_all(stage: Stage) -> None:
    """From the inside, where that can be."""
    if stage.real:
        for one in stage.targets.healthy():
            with suppress(NotThere):
                stage.look(one)


def interrupt(stage: Stage) -> Played:
    """A Spot interruption of one server, with AWS's notice."""
    before = stage.targets.healthy()
    if not before:
        raise Failed("no server is healthy")
    one = before[0]
    stage.world.box.interrupt(one, NOTICE_SECONDS)
    told = _leave(stage, one) if stage.real else ""

    def replaced() -> bool:
        now = stage.targets.health()
        healthy = [x for x, state in now.items() if state == "healthy"]
        return now.get(one) not in {"healthy", "unhealthy"} and len(healthy) >= len(before)

    took = stage.until("its replacement", REPLACED_SECONDS, replaced)
    return Played("; ".join(filter(None, [told, f"replaced after {took:.0f} s more"])))


def _leave(stage: Stage, instance: str) -> str:
    """Wait until the application has stopped there, look at what it leaves, and end the machine,
    which would stay for the rest of its two minutes. How it went, in words."""
    unit = f"{stage.app.name}-interruption.service"
    said = ""

    def left() -> bool:
        nonlocal said
        said = stage.machines.run(
            instance, f"journalctl --boot --quiet --no-pager --output=short-unix --unit={unit}\n"
        )
        return STOPPED.format(stage.app.name) in said

    try:
        stage.until("the application to stop after the notice", NOTICE_SECONDS, left)
    except NotThere:
        raise Failed(
            f"its {NOTICE_SECONDS} s were over before it had stopped: what it was answering was "
            "cut off"
        ) from None
    stage.stopped = stopped_in(said, stage.app.name)
    with suppress(NotThere):
        stage.look(instance)
    stage.world.box.kill_machine(instance)
    return f"it had left and stopped in time, its stop took {stage.stopped or 0:.1f} s"


def stopped_in(journal: str, app: str) -> float | None:
    """From the lines with the seconds since 1970, how long the application took to stop."""
    at: dict[str, float] = {}
    for name, words in (("begin", STOPPING), ("end", STOPPED)):
        found = re.findall(
            rf"^(\d+\.\d+) .*: {re.escape(words.format(app))}$", journal, re.MULTILINE
        )
        if not found:
            return None
        at[name] = float(found[-1])
    return at["end"] - at["begin"]


def workers(server: Server, app: App) -> list[str]:
    """The units of its processes that run on a server: what may run on one only is not on all."""
    units = [f"{app.name}-{name}.service" for name in app.processes]
    return [one for one in units if server.state.get(one, {}).get("SubState") == "running"]


def kill_worker(stage: Stage) -> Played:
    """Each of its other processes is killed once, on one server."""
    if not stage.real:
        raise Skipped(NOT_REAL)
    if not stage.app.processes:
        raise Skipped("it has no processes beside the web process")
    beside = {one: workers(stage.look(one), stage.app) for one in stage.targets.healthy()}
    # What runs once runs on one of them.
    server = max(beside, key=lambda one: len(beside[one]), default="")
    if not server or not beside[server]:
        raise Failed("none of its processes runs on any healthy server")
    told = [f"{unit} was back after {_kill(stage, server, unit):.1f} s" for unit in beside[server]]
    return Played("; ".join(told))


def _kill(stage: Stage, instance: str, unit: str) -> float:
    """How long it took to come back."""
    show = f"systemctl show {unit} --property=ActiveState --value --property=MainPID\n"
    before = stage.machines.run(instance, show).split()
    stage.machines.run(instance, f"systemctl kill --signal=SIGKILL {unit}\n")

    def back() -> bool:
        now = stage.machines.run(instance, show).split()
        return "active" in now and "0" not in now and now != before

    return stage.until(f"{unit} to be active again", RESTARTED_SECONDS, back)


def lose(service: Service) -> Callable[[Stage], Played]:
    """A service goes away and comes back. What asks it then may fail; afterwards nothing may."""

    def scene(stage: Stage) -> Played:
        begin = time.monotonic()
        switch(stage.machines, service, "stop")
        time.sleep(AWAY_SECONDS)
        switch(stage.machines, service, "start")
        back = time.monotonic() - begin
        if stage.targets.sick_since(begin):
            stage.sick_without.append(service.name)
        # Without it the application may have ended and begun anew.
        time.sleep(BACK_SECONDS)
        well = len(stage.targets.healthy())
        stage.until("all servers to be healthy again", SETTLED_SECONDS, lambda: _all_well(stage))
        words = f"away for {back:.0f} s"
        if not well:
            words += f"; no server was healthy {BACK_SECONDS} s after it was back"
        return Played(words, tolerated=back + BACK_SECONDS)

    return scene


def _all_well(stage: Stage) -> bool:
    states = [one for one in stage.targets.health().values() if one != "draining"]
    return bool(states) and set(states) == {"healthy"}
