"""Work on machines, one piece after the other."""

import time
from concurrent.futures import ThreadPoolExecutor

from sandbox.machines.docker.work import SerialWork
from tests.sandbox.docker_fleet import until


def test_work_is_done_in_order_and_goes_on_after_a_failure() -> None:
    said: list[str] = []
    done: list[int] = []
    with ThreadPoolExecutor(4) as pool:
        work = SerialWork(pool, said.append)

        def piece(number: int) -> None:
            time.sleep(0.01 * (3 - number % 3))
            if number == 3:
                raise ValueError("broken")
            done.append(number)

        for number in range(6):
            work.add(lambda number=number: piece(number))  # type: ignore[misc]
        until(lambda: len(done) == 5, "the work")
    assert done == [0, 1, 2, 4, 5]
    assert said == ["machine work failed: ValueError: broken"]
