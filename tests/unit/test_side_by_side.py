"""Which tests a process runs next."""

import pytest

from tests.side_by_side import choose, group_of

WAITING = ["release/test_hold.py", "release/test_quotas.py", "cli", "unit/test_tags.py", "team"]


@pytest.mark.parametrize(
    ("nodeid", "group"),
    [
        ("tests/cli/test_worker.py::test_it[x]", "cli"),
        ("tests/release/test_hold.py::test_it", "release/test_hold.py"),
        ("tests/unit/bake/test_git.py::test_it", "unit/bake/test_git.py"),
        ("tests/sandbox/test_docker_machines.py::test_it", "machines"),
        ("tests/images/test_role.py::test_it", "machines"),
    ],
)
def test_what_shares_a_world_and_cannot_be_shared_is_one_group(nodeid: str, group: str) -> None:
    assert group_of(nodeid) == group


def test_a_process_stays_in_its_folder_while_there_is_something_left() -> None:
    assert choose(WAITING, "release", {"release", "team"}) == "release/test_hold.py"
    assert choose(WAITING, "unit", {"release", "unit"}) == "unit/test_tags.py"


def test_then_it_opens_the_longest_that_nobody_is_in() -> None:
    assert choose(WAITING, "", set()) == "release/test_hold.py"
    assert choose(WAITING, "demo", {"release", "demo"}) == "team"
    assert choose(WAITING, "demo", {"release", "team", "demo"}) == "cli"


def test_in_the_end_it_helps_where_most_is_left() -> None:
    left = [one for one in WAITING if one not in {"cli", "team"}]
    assert choose(left, "team", {"release", "team", "unit"}) == "release/test_hold.py"
