"""What all steps share: who may try again, and where words go.

A step's runs are called by the stage of a release that they belong to, so that the run's graph
shows the stages: 1 look up, 2 bake, 3 test, 4 launch, 5 retire; and `undo` what goes back.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypedDict

from prefect import State, Task
from prefect.cache_policies import NO_CACHE, CachePolicy
from prefect.exceptions import MissingContextError
from prefect.logging import get_run_logger
from prefect.runtime import task_run

from spotkiln.errors import SpotkilnError, may_be_tried_again
from spotkiln.poll import RealClock
from spotkiln.start.run import LogSource

CLOCK = RealClock()


def _without_input(record: logging.LogRecord) -> bool:
    """Prefect's line about wrong parameters repeats all that was given, and that may be a secret in
    the wrong place. What is wrong with them is in the error, too."""
    if str(record.msg).startswith("Parameter validation failed for flow"):
        record.msg = "the flow's parameters were refused; its error names them"
    return True


# Prefect's words for a process that was told to end.
SIGNAL = "Execution was aborted by a termination signal"


def _without_signal(record: logging.LogRecord) -> bool:
    """A step that its run's cancellation ends has not crashed."""
    text = str(record.msg)
    if SIGNAL not in text:
        return True
    record.msg = "it was ended: the run was cancelled, or its host told it to end"
    record.levelno, record.levelname = logging.INFO, logging.getLevelName(logging.INFO)
    # Prefect says it twice.
    return not text.startswith("Finished in state")


logging.getLogger("prefect.flows").addFilter(_without_input)
for of in ("prefect.task_runs", "prefect.flow_runs"):
    logging.getLogger(of).addFilter(_without_signal)


def only_infrastructure(task: "Task[..., Any]", run: Any, state: "State[Any]") -> bool:  # noqa: ARG001
    """Prefect's retry condition: a verdict is never tried again. A plain function: a partial
    would silently switch retries off."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, BaseException) and may_be_tried_again(error)


class Options(TypedDict):
    retries: int
    retry_delay_seconds: list[float]
    retry_condition_fn: Callable[["Task[..., Any]", Any, "State[Any]"], bool]
    cache_policy: CachePolicy


# The truth about what exists is in AWS: a cached answer would be worse than none.
STEP: Options = {
    "retries": 2,
    "retry_delay_seconds": [2.0, 10.0],
    "retry_condition_fn": only_infrastructure,
    "cache_policy": NO_CACHE,
}


def tried_before() -> bool:
    """Whether the step that is running is tried again: an earlier try may have left something."""
    return (task_run.run_count or 1) > 1


def say(text: str, level: int = logging.INFO, *, of: LogSource = LogSource.OURS) -> None:
    """A line in the run's log."""
    logger: logging.Logger | logging.LoggerAdapter[logging.Logger]
    try:
        logger = get_run_logger()
    except MissingContextError:
        logger = logging.getLogger("spotkiln")
    if of is not LogSource.OURS:
        # An adapter of Prefect's has it too, but the type it shares with Python's has not.
        logger = logger.getChild(of)  # type: ignore[union-attr]
    logger.log(level, text)


def report_failed_undo(what: str, error: Exception) -> None:
    """A compensation failed: the others run on, reconcile finishes it."""
    say(f"could not {what}: {error}; reconcile finishes it", logging.ERROR)


@contextmanager
def not_urgent(what: str, then: str = "it is done later") -> Iterator[None]:
    """An error in this block does not change how the run ends: it is told, with what follows from
    it."""
    try:
        yield
    except SpotkilnError as error:
        say(f"could not {what}: {error}; {then}", logging.WARNING)
