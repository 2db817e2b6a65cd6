"""What Packer says: its machine-readable lines, and what becomes of them while it runs."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from spotkiln.bake.machine_end import MachineEnd
from spotkiln.bake.source import without_credentials
from spotkiln.markup import visible

# Output comes in whatever size: this much is read at once, a longer line is cut into several,
# and only the end of it all is kept.
CHUNK_BYTES = 64 * 1024
KEEP_LINES = 200
KEEP_CHARACTERS = 2000
# What EC2 answers a launch that another zone or another type may have room for.
NO_ROOM = re.compile(
    r"Error launching source instance: .*?"
    r"\b((?:InsufficientInstanceCapacity|InsufficientFreeAddressesInSubnet|Unsupported): .*)"
)
EXIT_STATUS = re.compile(r"non-zero exit status: (\d+)")
# How Packer shows a line of a provisioning script: its standard output, and its standard error.
SCRIPT = re.compile(r"^(?:==>|   ) [\w.-]+: ?(.*)$")


class Milestone(NamedTuple):
    """How far a build is, in percent of a bake whose machine, provisioning and image take about as
    long as each other; and what it waits for then."""

    percent: int
    waits_for: str


LEAVES = "Terminating the source AWS instance"
# What Packer's builders for EC2 say on their way.
MILESTONES = {
    "Launching a source AWS instance": Milestone(5, "launching a machine"),
    "Launching a spot AWS instance": Milestone(5, "launching a Spot machine"),
    "Waiting for SSH to become available": Milestone(15, "the machine boots"),
    "Connected to SSH": Milestone(30, "the machine is up"),
    "Provisioning with shell script": Milestone(40, "working on the machine"),
    "Stopping the source instance": Milestone(65, "stopping the machine"),
    "Waiting for AMI to become ready": Milestone(70, "EC2 makes the image"),
    LEAVES: Milestone(95, "ending the machine"),
}


MADE = re.compile(r"(?:Instance ID: |instance \()(i-[0-9a-f]+)|\bAMI: (ami-[0-9a-f]+)")


@dataclass(frozen=True)
class PackerEvent:
    """One machine-readable line: Packer's `timestamp,target,type,data...`, unescaped."""

    target: str
    kind: str
    data: tuple[str, ...]


@dataclass
class PackerRun:
    """How a run of Packer ended, with what it said on the way: `causes` by build, `errors` as
    they were shown, the end of its output, and of that the lines of the provisioning scripts; and
    the id of its machine, once EC2 has launched it. `used`: what machine that was, and what it
    cost, where Spot was asked for. `ended`: why EC2 ended it, if it did."""

    exit_code: int
    causes: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    artifacts: list[str] = field(default_factory=list)
    output: list[str] = field(default_factory=list)
    machine: str = ""
    used: str = ""
    ended: MachineEnd | None = None
    script: list[str] = field(default_factory=list)

    @property
    def status(self) -> int:
        """The exit status of the provisioning script that failed; 0 if none did."""
        told = [*self.errors, *self.causes]
        statuses = [int(code) for text in told for code in EXIT_STATUS.findall(text)]
        return statuses[-1] if statuses else 0

    @property
    def no_room(self) -> str:
        """EC2's words, if it had no room for the machine; nothing has run then."""
        found = (NO_ROOM.search(text) for text in (*self.causes, *self.errors))
        return next((one[1] for one in found if one), "") if self.exit_code else ""

    @property
    def why(self) -> str:
        """Why Packer itself failed, as short as it tells; EC2's own reason before."""
        ended = [self.ended.why] if self.ended else []
        return "; ".join(ended + (self.causes or self.errors[-5:] or self.output[-3:])) or "nothing"


def reached(text: str) -> Milestone | None:
    """How far a build is when Packer says this; None for what tells nothing."""
    return next((one for words, one in MILESTONES.items() if words in text), None)


def made(text: str) -> tuple[str, str] | None:
    """The kind and id of what Packer says that it has asked EC2 for; None for other words."""
    found = MADE.search(text)
    if not found:
        return None
    return ("instance", found[1]) if found[1] else ("image", found[2])


def parse_line(line: str) -> PackerEvent | None:
    """Source: Packer's -machine-readable output. None for lines of any other form."""
    parts = line.rstrip("\r\n").split(",")
    if len(parts) < 3 or not parts[0].isdigit():
        return None
    data = tuple(
        part.replace("%!(PACKER_COMMA)", ",").replace("\\n", "\n").replace("\\r", "")
        for part in parts[3:]
    )
    return PackerEvent(target=parts[1], kind=parts[2], data=data)


def _told(line: bytes) -> str:
    return without_credentials(visible(line.decode(errors="replace")))


class Reader:
    """Follows the output file line by line, and sorts what it reads into a PackerRun."""

    def __init__(self, path: Path, say: Callable[[str], None]) -> None:
        self.run = PackerRun(exit_code=-1)
        self._file = path.open("rb")
        self._rest = b""
        self._say = say

    def read(self) -> bool:
        """Take what has come, at most a chunk; whether that was anything."""
        chunk = self._file.read(CHUNK_BYTES)
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > CHUNK_BYTES:
            lines, self._rest = [*lines, self._rest], b""
        for line in lines:
            self._take(_told(line))
        return bool(chunk)

    def close(self) -> None:
        """Take all that is left, a last line that nothing ended too."""
        with self._file:
            while self.read():
                pass
            self._take(_told(self._rest))

    def _take(self, line: str) -> None:
        event = parse_line(line)
        if event is None:
            texts = line.splitlines()
        elif event.kind == "ui":
            texts = event.data[-1].splitlines() if event.data else []
            # What Packer itself does next is a `say`.
            if event.data[:1] in {("message",), ("error",)}:
                said = [found[1] for text in texts if (found := SCRIPT.match(text))]
                self.run.script += [text[:KEEP_CHARACTERS] for text in said]
                del self.run.script[:-KEEP_LINES]
            if event.data[:1] == ("error",):
                # What a script writes to its standard error comes here too, in any amount.
                self.run.errors.append(event.data[-1].strip()[:KEEP_CHARACTERS])
                del self.run.errors[:-KEEP_LINES]
        else:
            texts = []
            if event.kind == "error":
                self.run.causes.append(event.data[-1].strip() if event.data else "")
            elif event.kind == "artifact" and event.data[1:2] == ("id",):
                self.run.artifacts.append(event.data[-1])
        for text in texts:
            if text.strip():
                if (one := made(text)) and one[0] == "instance":
                    self.run.machine = one[1]
                self.run.output.append(text.rstrip()[:KEEP_CHARACTERS])
                del self.run.output[:-KEEP_LINES]
                self._say(text.rstrip())
