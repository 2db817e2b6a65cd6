"""The tree of errors, and who may try again."""

import re
from collections.abc import Iterator

import pytest

from spotkiln import errors
from spotkiln.errors import (
    BuildFailed,
    CapacityError,
    DeadlineExceeded,
    GateFailed,
    ImageRejected,
    InfrastructureError,
    InputError,
    LeftBehind,
    PermissionDenied,
    RebuildFailed,
    SpotkilnError,
    TestsFailed,
    UnitFailed,
    may_be_tried_again,
)


def tree(kind: type[BaseException], depth: int = 0) -> Iterator[tuple[int, str]]:
    yield depth, kind.__name__
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from tree(child, depth + 1)


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn = []
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"    ([│ ├└─]*)(\w+)", line)
        if match:
            drawn.append((len(match[1]) // 4, match[2]))
    assert drawn == list(tree(SpotkilnError))


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (InfrastructureError("Packer lost its network"), True),
        (CapacityError("none in three zones"), False),
        (DeadlineExceeded("a fleet", 60, ""), False),
        (InputError("no such ref"), False),
        (PermissionDenied("no right to RunInstances"), False),
        (BuildFailed("bundle install"), False),
        (TestsFailed("2 of 9"), False),
        (UnitFailed("no answer"), False),
        (GateFailed("unhealthy", "misconfigured"), False),
        (ImageRejected("unhealthy", "failing check"), False),
        (LeftBehind("snap-1"), False),
        (RebuildFailed("1 of 2"), False),
        (ValueError("a bug"), False),
        (KeyboardInterrupt(), False),
    ],
)
def test_only_infrastructure_may_be_tried_again(error: BaseException, again: bool) -> None:
    assert may_be_tried_again(error) is again


def test_errors_carry_what_machines_need() -> None:
    assert TestsFailed("red").report is None
    rejected = ImageRejected("sick", "failing check", "console of i-1:")
    assert (rejected.cause, rejected.last_lines) == ("failing check", "console of i-1:")
    late = DeadlineExceeded("the fleet", 61.7, "")
    assert str(late) == "waited 62 s for the fleet; last seen: nothing"
