"""Ports that are taken are told: which, by whom, how to choose others."""

import os
import socket
from collections.abc import Iterator

import pytest

from examples.up.ports import PortTaken, choose, holder, is_free
from rehearsal.prefect_local import free_port


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield int(listening.getsockname()[1])


def test_who_listens_is_found(taken: int) -> None:
    assert holder(taken).startswith(f"pid {os.getpid()}, ")


def test_a_port_that_was_asked_for_and_is_taken_is_refused(taken: int) -> None:
    with pytest.raises(PortTaken) as told:
        choose(taken, 4200, "the Prefect UI", "UI_PORT")
    assert str(told.value).startswith(f"port {taken} is taken (pid {os.getpid()}, ")
    assert str(told.value).endswith("): choose another one for the Prefect UI by UI_PORT=PORT")


def test_in_the_place_of_the_usual_one_the_next_is_taken_and_told(taken: int) -> None:
    port, told = choose(None, taken, "the Prefect UI", "UI_PORT")
    assert taken < port < taken + 100
    assert is_free(port)
    assert f"): the Prefect UI is at {port}; UI_PORT=PORT chooses another one" in told


def test_a_free_port_needs_no_words(taken: int) -> None:
    free = next(one for one in range(taken + 1, 65536) if is_free(one))
    assert choose(free, 4200, "the Prefect UI", "UI_PORT") == (free, "")
    assert choose(None, free, "the Prefect UI", "UI_PORT") == (free, "")
    port, told = choose(0, taken, "the Prefect UI", "UI_PORT")
    assert (is_free(port), told) == (True, "")


def test_a_free_one_is_given_to_no_connection_meanwhile() -> None:
    """Linux and macOS choose ports for connections from 32768 on."""
    assert {free_port(0) for _ in range(20)} < {*range(1024, 32768)}


def test_one_that_was_wanted_is_given_if_it_is_free(taken: int) -> None:
    free = free_port(0)
    assert free_port(free) == free
    assert free_port(taken) != taken
