"""A flow that takes its time, for the worker that must not end it."""

import time

from prefect import flow


@flow
def slow(seconds: float) -> None:
    time.sleep(seconds)
