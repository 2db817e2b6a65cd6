"""Progress artifacts: how far a wait is, for those who look at a run in the UI."""

import logging
from typing import cast
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact

from spotkiln.tasks.step import say


class Bar:
    """One progress artifact. Nothing is sent while nothing changes; that Prefect cannot be told
    is no reason for a release to fail."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._percent: int | None = None
        self._artifact: UUID | None = None

    def to(self, percent: float) -> None:
        """Show so much, by whole percents between 0 and 100."""
        whole = round(min(max(percent, 0.0), 100.0))
        if whole == self._percent:
            return
        self._percent = whole
        try:
            if self._artifact is None:
                made = create_progress_artifact(progress=float(whole), description=self._what)
                # Prefect's own types allow for an awaitable, which it never is in a sync task.
                self._artifact = cast(UUID, made)
            else:
                update_progress_artifact(self._artifact, progress=float(whole))
        except Exception as error:  # noqa: BLE001
            say(f"could not show the progress of {self._what}: {error}", logging.WARNING)
