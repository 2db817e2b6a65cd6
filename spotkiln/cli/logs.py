"""What an application's servers have logged, from its log group."""

import time
from collections.abc import Iterable, Iterator

from rich.text import Text

from spotkiln.aws.serve import journal
from spotkiln.aws.session import Aws, connect, resolve_region
from spotkiln.bake.logs import Logs
from spotkiln.cli.output import write
from spotkiln.errors import InputError
from spotkiln.release.release import ReleaseSpec
from spotkiln.serve.journal import Line, since, stream_prefix

# Servers write every five seconds.
LOOK_SECONDS = 2.0
# Lines that are shown together.
TOGETHER = 500


class Reading:
    """One application's lines; `unit` alone, unless it is empty.

    Raises:
        InputError: the deployment has no log group.
    """

    def __init__(self, spec: ReleaseSpec, unit: str, begin: str) -> None:
        self._app, self._unit = spec.app.name, unit
        self._group = _group_of(spec.app.name, spec.infra.logs)
        self._prefix = stream_prefix(self._app, unit)
        self._aws: Aws = connect(resolve_region(spec.infra.region))
        self._since = since(begin, self._aws.now())

    def lines(self) -> Iterator[Line]:
        """All there are."""
        return journal.read(self._aws, self._group, self._prefix, self._since)

    def follow(self) -> Iterator[list[Line]]:
        """What is new, for ever."""
        for found in journal.follow(self._aws, self._group, self._prefix, self._since):
            yield found
            time.sleep(LOOK_SECONDS)

    def require_unit(self) -> None:
        """When there are no lines.

        Raises:
            InputError: no such unit has ever written there; says which have.
        """
        known = journal.units(self._aws, self._group, self._app)
        if self._unit and self._unit not in known:
            raise InputError(
                f"no unit {self._unit!r} of {self._app} has written to {self._group}; there are: "
                f"{', '.join(known) or 'none'}"
            )


def _group_of(app: str, logs: Logs) -> str:
    if not logs.group:
        raise InputError(
            f"the logs of {app} stay on its servers: its deployment names no log group. Give it "
            f"infra: {{logs: {{group: /{app}/production}}}}, deploy it, and release {app} "
            "(`spotkiln docs logs`)"
        )
    return logs.group


def show(lines: Iterable[Line], *, as_json: bool) -> int:
    """As they come; how many there were."""
    count = 0
    for some in _together(lines):
        count += len(some)
        write(*(one.model_dump_json() if as_json else _shown(one) for one in some))
    return count


def _together(lines: Iterable[Line]) -> Iterator[list[Line]]:
    some: list[Line] = []
    for one in lines:
        some.append(one)
        if len(some) == TOGETHER:
            yield some
            some = []
    if some:
        yield some


def _shown(line: Line) -> Text:
    """In a pipe without the colours."""
    where, _, _ = str(line).partition("\n")
    text = Text(str(line))
    stamp = len(where.split(" ")[0])
    text.stylize("dim", 0, stamp)
    text.stylize("cyan", stamp, stamp + len(f" {line.instance} {line.unit}"))
    return text
