"""Facts: what a machine told about an application that does not serve.

On the machine that tests, packer/scripts/test/facts.sh collects them. Of a server there are only
the lines of its console: what systemd says there about the units is read as well.
"""

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NotRequired, Self, TypedDict, Unpack

from spotkiln.bake.processes import RESERVED
from spotkiln.bake.source import without_credentials
from spotkiln.markup import visible
from spotkiln.noun import Noun

# Whoever reads it needs the end; a journal has up to 8 MiB.
LINES_KEPT = 2000
# A line of `journalctl --output=short-iso`: time, host, who says it, what.
JOURNAL = re.compile(r"^\d{4}-\d\d-\d\dT[\d:.,]+\S* \S+ ([^\s\[:]+)(?:\[\d+\])?: (.*)$")
PROCESS = re.compile(r'\("([^"]*)",pid=\d+')
EXITED = re.compile(r"^(\S+): Main process exited, code=(\w+), status=(\d+)/")
RESULT = re.compile(r"^(\S+): Failed with result '([\w-]+)'")
GIVEN_UP = re.compile(r"^(\S+): Start request repeated too quickly")
# ExecMainCode is a number of waitid(2).
ENDINGS = {"1": "exited", "2": "killed", "3": "dumped"}
# What systemd calls a unit that ended as it should, or has not ended.
SUCCESS = "success"
# What comes before an application's processes, in the order of the boot.
BOOT = ("-role", "-services", "-config", "-folders", "-mounts", "-migrate")
# As often started again is no accident (packer/scripts/test/units.sh).
ENDED_AGAIN = 3
# Who says what a build, a set-up or a test command prints.
COMMAND = "command"


class Where(StrEnum):
    """The machine on which it happened: it decides what has to be changed."""

    BUILDER = "builder"
    TESTER = "tester"
    SERVER = "server"
    TASK = "task"


class Unit(Noun):
    """A unit of systemd. `kind` is its Type=, `ending` how its main process last ended (exited,
    killed or dumped), `status` its exit status, or the number of the signal that ended it.
    `restarts` counts what systemd did by itself."""

    name: str
    kind: str = ""
    state: str = ""
    sub: str = ""
    result: str = SUCCESS
    ending: str = ""
    status: int = 0
    restarts: int = 0

    @classmethod
    def from_systemd(cls, shown: Mapping[str, str]) -> Self:
        """Source: one block of `systemctl show`."""
        return cls(
            name=shown.get("Id", ""),
            kind=shown.get("Type", ""),
            state=shown.get("ActiveState", ""),
            sub=shown.get("SubState", ""),
            result=shown.get("Result", "") or SUCCESS,
            ending=ENDINGS.get(shown.get("ExecMainCode", ""), ""),
            status=_number(shown.get("ExecMainStatus", "")),
            restarts=_number(shown.get("NRestarts", "")),
        )

    @property
    def bad(self) -> bool:
        return self.state == "failed" or self.result != SUCCESS

    def __str__(self) -> str:
        """Such as "shop.service failed: its process ended with exit status 1"."""
        text = f"{self.name} {'failed' if self.bad else 'is ' + (self.state or 'unknown')}"
        if self.result == "timeout":
            return f"{text}: it took longer than its limit"
        if self.ending == "exited":
            return f"{text}: its process ended with exit status {self.status}"
        if self.ending:
            return f"{text}: its process was ended by signal {self.status}"
        return text if self.result == SUCCESS else f"{text} ({self.result})"


class Listener(Noun):
    """An address and port at which a process of the application takes connections; `process` is
    empty where it may not be seen."""

    address: str
    port: int
    process: str = ""

    def __str__(self) -> str:
        place = f"{self.address}:{self.port}"
        return f"{self.process} at {place}" if self.process else place

    @property
    def local(self) -> bool:
        """Whether only the machine itself can reach it."""
        return self.address.startswith(("127.", "[::1]", "[::ffff:127."))


class Answer(Noun):
    """What a health check was answered: `status` 0 for no answer, and why in `trouble`."""

    url: str = ""
    status: int = 0
    location: str = ""
    trouble: str = ""

    @classmethod
    def from_script(cls, shown: Mapping[str, str]) -> Self:
        """Source: one block of what packer/scripts/test/answers.sh notes of an answer."""
        return cls(
            url=shown.get("url", ""),
            status=_number(shown.get("status", "")),
            location=shown.get("location", ""),
            trouble=shown.get("trouble", ""),
        )

    def fits(self, expected: str) -> bool:
        """Whether a matcher takes its status: numbers and ranges, with commas between them."""
        ranges = (part.partition("-") for part in expected.split(","))
        return any(
            _number(low) <= self.status <= _number(high or low) for low, _, high in ranges if low
        )


class Facts(Noun):
    """`lines` are the end of what was said, by who said it: a unit's identifier, `systemd`, or
    `command` for what a build or test command prints. `expected` is the health check's matcher;
    `folder` is where in the repository the application is, empty for its top. `health_port` is 0 if
    the health check asks at `port`. `broken` are pages that it serves and that do not work."""

    app: str
    where: Where
    folder: str = ""
    port: int = 0
    health_port: int = 0
    expected: str = "200"
    units: tuple[Unit, ...] = ()
    listeners: tuple[Listener, ...] = ()
    answer: Answer = Answer()
    broken: tuple[Answer, ...] = ()
    lines: tuple[tuple[str, str], ...] = ()

    @property
    def unit(self) -> Unit | None:
        """The first one in the order of the boot that keeps the application from serving: one
        that failed, else one that has not started."""
        bad = next((one for one in self.units if one.bad), None)
        return bad or next((one for one in self.units if one.state != "active"), None)

    def said_by(self, *who: str) -> list[str]:
        return [text for name, text in self.lines if name in who]


class Known(TypedDict):
    """What is known of a machine before it tells anything: fields of Facts."""

    app: str
    where: Where
    port: int
    expected: str
    folder: NotRequired[str]
    health_port: NotRequired[int]


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0


def _blocks(text: str) -> Iterable[dict[str, str]]:
    """Blocks of `Name=value`, with empty lines between them."""
    for block in re.split(r"\n\s*\n", text.strip()):
        yield dict(line.split("=", 1) for line in block.splitlines() if "=" in line)


def _sections(text: str) -> dict[str, str]:
    """What stands below each `[name]`."""
    parts = re.split(r"^\[(\w+)\]\n", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def _listeners(shown: str, user: str, app: str) -> Iterable[Listener]:
    """Those of the web process. Source: `ss --listening --processes --extended --cgroup`; of other
    users' sockets nothing is told."""
    beside = re.compile(rf"cgroup:\S*/{re.escape(app)}-[^/\s]+\.service")
    for line in shown.splitlines():
        words = line.split()
        if len(words) < 5 or f"uid:{user}" not in words or beside.search(line):
            continue
        address, _, port = words[3].rpartition(":")
        owner = PROCESS.search(line)
        process = owner[1] if owner else ""
        yield Listener(address=address, port=_number(port), process=process)


def facts_of(text: str, journal: str, **known: Unpack[Known]) -> Facts:
    """From the file `facts` that packer/scripts/test/facts.sh writes, and the machine's journal."""
    sections = _sections(visible(text))
    shown = next(iter(_blocks(sections.get("answer", ""))), {})
    user = sections.get("user", "").strip()
    app = known["app"]
    # What it writes to its log files counts as said last.
    lines = (*journal_lines(journal), *_logged(sections.get("logs", ""), app))
    listeners = tuple(_listeners(sections.get("listening", ""), user, app))
    answer = Answer.from_script(shown)
    seen = bool(listeners or answer.status)
    units = [Unit.from_systemd(one) for one in _blocks(sections.get("units", "")) if one]
    said = {one.name: one for one in units_said(app, lines, [one.name for one in units])}
    return Facts(
        **known,
        units=tuple(
            _in_a_loop(one, said.get(one.name), settled=_settled(app, one, seen=seen))
            for one in units
        ),
        listeners=listeners,
        answer=answer,
        broken=tuple(map(Answer.from_script, filter(None, _blocks(sections.get("broken", ""))))),
        lines=lines,
    )


def _logged(text: str, app: str) -> Iterable[tuple[str, str]]:
    for line in text.splitlines()[-LINES_KEPT:]:
        if line.strip():
            yield app, without_credentials(line.strip())


def _settled(app: str, unit: Unit, *, seen: bool) -> bool:
    """Whether one that is active right now does not fail. `seen`: the web process has answered, or
    listens now."""
    if process_of(app, unit.name):
        return unit.restarts < ENDED_AGAIN
    return seen or not unit.restarts


def _in_a_loop(unit: Unit, said: Unit | None, *, settled: bool) -> Unit:
    """One that systemd starts again and again shows nothing, at this moment, of how it fails: then
    its lines tell."""
    if not said or not said.bad or unit.bad:
        return unit
    if unit.state != "activating" and settled:
        return unit
    failed = {"result": said.result, "ending": said.ending, "status": said.status}
    return unit.model_copy(update=failed)


def journal_lines(text: str) -> tuple[tuple[str, str], ...]:
    """Who said what, from a journal or a console, without passwords in addresses. A line of another
    form continues the last."""
    found: list[tuple[str, str]] = []
    who = ""
    for line in visible(text).splitlines()[-LINES_KEPT:]:
        match = JOURNAL.match(line)
        who = match[1] if match else who
        found.append((who, without_credentials(match[2] if match else line.strip())))
    return tuple(found)


def process_of(app: str, unit: str) -> str:
    """The name of the process beside the web process that this is the unit of; empty if it is
    another one's."""
    name = unit.removeprefix(f"{app}-").removesuffix(".service")
    return "" if name in {unit, app, *RESERVED} or not unit.startswith(f"{app}-") else name


def units_said(
    app: str, lines: Iterable[tuple[str, str]], known: Iterable[str] = ()
) -> tuple[Unit, ...]:
    """The application's units as systemd's own lines tell of them, in the order of the boot: how
    each failed last, whatever became of its next start. Of processes beside the web process: those
    that are `known`, and those that systemd has given up."""
    lines = tuple(lines)
    given_up = (
        match[1] for who, text in lines if who == "systemd" and (match := GIVEN_UP.match(text))
    )
    beside = dict.fromkeys(one for one in (*known, *given_up) if process_of(app, one))
    boot = [f"{app}{part}.service" for part in BOOT]
    names = [*boot, *beside, f"{app}-processes.service", f"{app}.service"]
    found = {name: Unit(name=name, state="active") for name in names}
    for who, text in lines:
        if who != "systemd":
            continue
        if (ended := EXITED.match(text)) and ended[1] in found:
            end = {"ending": ended[2], "status": int(ended[3])}
            found[ended[1]] = found[ended[1]].model_copy(update=end)
        elif (failed := RESULT.match(text)) and failed[1] in found:
            state = {"state": "failed", "result": failed[2]}
            found[failed[1]] = found[failed[1]].model_copy(update=state)
    return tuple(found.values())
