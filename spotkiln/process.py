"""Runs another program for a limited time, and leaves none of its children behind."""

import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Finished:
    """How a program ended: `code` is below 0 when a signal ended it."""

    code: int
    output: bytes
    errors: bytes


def run(
    command: Sequence[str],
    *,
    timeout_seconds: float,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    given: bytes = b"",
) -> Finished:
    """Run it in a group of its own, with `given` as its standard input, in `folder` and with
    `environment`, else in ours. On any exception here, a cancellation too, the whole group is
    killed.

    What it says goes to files and not to pipes: a child that is meant to stay, such as the shared
    connection of ssh, keeps a pipe open, and this would wait for it.

    Raises:
        TimeoutExpired: it took longer.
        OSError: it cannot be run.
    """
    with (
        tempfile.TemporaryFile() as output,
        tempfile.TemporaryFile() as errors,
        tempfile.TemporaryFile() as standard_input,
    ):
        standard_input.write(given)
        standard_input.seek(0)
        process = subprocess.Popen(
            list(command),
            cwd=folder,
            env=environment,
            stdin=standard_input,
            stdout=output,
            stderr=errors,
            start_new_session=True,
        )
        try:
            code = process.wait(timeout_seconds)
        except BaseException:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        output.seek(0)
        errors.seek(0)
        return Finished(code, output.read(), errors.read())
