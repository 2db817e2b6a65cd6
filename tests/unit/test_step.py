"""The steps: who may try again."""

import importlib
import logging
import pkgutil
from types import ModuleType
from typing import Any

import pytest
from prefect import Task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import TaskRun
from prefect.states import Completed, Failed

import spotkiln.flows
import spotkiln.tasks
from spotkiln.aws.errors import AwsError, AwsRefused
from spotkiln.bake.junit import TestsFailed
from spotkiln.errors import CapacityError, DeadlineExceeded, InfrastructureError, InputError
from spotkiln.tasks.bake import infra
from spotkiln.tasks.step import SIGNAL, only_infrastructure


def tasks_in(package: ModuleType) -> list[Task[..., Any]]:
    """Of all its modules, each once."""
    names = [one.name for one in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")]
    values = [x for name in names for x in vars(importlib.import_module(name)).values()]
    return list({id(x): x for x in values if isinstance(x, Task)}.values())


TASKS = tasks_in(spotkiln.tasks)
# They publish what is known already: whatever hinders it, another try does no harm.
PAGES = {"publish release page", "publish what was reconciled", "publish night page"}
# Each has a deadline of its own, or goes without.
ONCE = {
    # What a host of repositories is told: it takes its time once, and reconcile tries again.
    "tell the host",
    "tell pending commits",
    # Reconcile does it again in minutes.
    "decline unanswered",
    # A page of which there is another tomorrow.
    "publish figures",
    "health gate",
    "traffic",
    # A message is repeated while there is time; a command may not bear a second one.
    "call hook",
    "run hook",
    "wait for the turn",
    "look up prices",
}


def is_tried_again(error: BaseException) -> bool:
    run = TaskRun(task_key="t", dynamic_key="0")
    return only_infrastructure(infra.look_up_infra, run, Failed(data=error))


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (InfrastructureError("Timeout waiting for SSH."), True),
        (AwsError("RequestLimitExceeded"), True),
        (AwsRefused("InvalidParameterValue"), False),
        (InputError("unknown ref"), False),
        (TestsFailed("2 of 9"), False),
        (CapacityError("none"), False),
        (DeadlineExceeded("it", 1, ""), False),
        (ValueError("a bug"), False),
    ],
)
def test_prefect_tries_only_infrastructure_again(error: Exception, again: bool) -> None:
    assert is_tried_again(error) is again


def test_a_result_is_no_failure() -> None:
    run = TaskRun(task_key="t", dynamic_key="0")
    assert not only_infrastructure(infra.look_up_infra, run, Completed(data=7))


def test_no_step_of_a_flow_escapes_these_tests() -> None:
    used = tasks_in(spotkiln.flows)
    assert used
    assert {id(one) for one in used} <= {id(one) for one in TASKS}


@pytest.mark.parametrize("task", TASKS, ids=lambda one: one.name)
def test_no_step_takes_an_answer_from_prefects_cache(task: Task[..., Any]) -> None:
    """The truth about what exists is in AWS."""
    assert task.cache_policy == NO_CACHE


@pytest.mark.parametrize("task", TASKS, ids=lambda one: one.name)
def test_steps_that_are_tried_again_have_the_condition(task: Task[..., Any]) -> None:
    """Without it a red test would be baked three times."""
    if task.name in ONCE:
        assert task.retries == 0
    elif task.name in PAGES:
        assert (task.retries, task.retry_condition_fn) == (2, None)
    else:
        assert task.retry_condition_fn is only_infrastructure
        # A step may have a second form that is not tried again, for what can be put off.
        assert max(one.retries for one in TASKS if one.fn is task.fn) == 2


def test_a_step_that_is_cancelled_has_not_crashed() -> None:
    said: list[tuple[str, str]] = []

    class Heard(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append((record.levelname, record.getMessage()))

    logger, heard = logging.getLogger("prefect.task_runs"), Heard()
    logger.addHandler(heard)
    try:
        logger.error(f"Crash detected! {SIGNAL}.")
        logger.error(f"Finished in state Crashed('{SIGNAL}.')")
        logger.error("no signal, but a fault")
    finally:
        logger.removeHandler(heard)
    assert said == [
        ("INFO", "it was ended: the run was cancelled, or its host told it to end"),
        ("ERROR", "no signal, but a fault"),
    ]
