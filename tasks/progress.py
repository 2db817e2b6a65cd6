"""Progress: how far a wait is, and what for, for those who look at a run in the UI.

It stands behind the name of the step that waits, which the run's graph and its list of steps show
and follow. When the step ends, Prefect's own last word on it brings the plain name back.
"""

import logging
from typing import cast
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.runtime import task_run

from spotkiln.errors import SpotkilnError
from spotkiln.prefect_api import run as runs
from spotkiln.prefect_api.connection import ask, without_retries
from spotkiln.tasks.step import say

# More has no room beside the bar of a step.
MOST_WORDS = 100


def show(words: str) -> None:
    """Show this behind the name of the step that runs now. A moment later it is the past: what
    Prefect cannot be told at once, it is not told."""
    step, name = task_run.id, task_run.name
    if not step or not name:
        return
    told = words if len(words) <= MOST_WORDS else f"{words[: MOST_WORDS - 1]}…"
    try:
        with without_retries():
            ask(runs.rename_step, step, f"{name} · {told}")
    except SpotkilnError as error:
        say(f"could not show what {name} waits for: {error}", logging.DEBUG)


def tell(text: str, level: int = logging.INFO) -> None:
    """A line in the run's log, which also shows what the step that runs waits for."""
    say(text, level)
    show(text)


class Bar:
    """One progress artifact. Nothing is sent while nothing changes; that Prefect cannot be told
    is no reason for a release to fail."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._shown: tuple[int, str] | None = None
        self._artifact: UUID | None = None
        self._waits_for = ""

    def say(self, text: str) -> None:
        """A line in the run's log: what it waits for from now on."""
        say(text)
        self._waits_for = text

    def to(self, percent: float, waits_for: str = "") -> None:
        """Show so much, by whole percents between 0 and 100, and what it waits for."""
        whole = round(min(max(percent, 0.0), 100.0))
        words = waits_for or self._waits_for
        before, self._shown = self._shown, (whole, words)
        if before == self._shown:
            return
        show(f"{whole} %: {words}" if words and whole < 100 else f"{whole} %")
        if before is None or before[0] != whole:
            self._send(float(whole))

    def _send(self, percent: float) -> None:
        try:
            if self._artifact is None:
                made = create_progress_artifact(progress=percent, description=self._what)
                # Prefect's own types allow for an awaitable, which it never is in a sync task.
                self._artifact = cast(UUID, made)
            else:
                update_progress_artifact(self._artifact, progress=percent)
        except Exception as error:  # noqa: BLE001
            say(f"could not show the progress of {self._what}: {error}", logging.WARNING)
