"""The tree of errors, and who may try again."""

import re
from collections.abc import Iterator
from importlib import import_module

import pytest

from spotkiln import errors
from spotkiln.bake.junit import TestsFailed
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
    UnitFailed,
    may_be_tried_again,
)
from tests.unit.nouns import ROOT

# Where errors are defined beside the module that draws them.
ELSEWHERE = (
    "spotkiln.aws.bake.builder",
    "spotkiln.aws.errors",
    "spotkiln.bake.junit",
    "spotkiln.bake.precedence",
    "spotkiln.keep.heartbeat",
    "spotkiln.receiver.signature",
    "spotkiln.receiver.wire",
    "spotkiln.release.release",
)


def tree(kind: type[BaseException]) -> Iterator[tuple[str, str]]:
    """Each of our errors under the one that it is a kind of."""
    for child in kind.__subclasses__():
        if child.__module__.startswith("spotkiln."):
            yield kind.__name__, child.__name__
            yield from tree(child)


def drawn() -> Iterator[tuple[str, str]]:
    above: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        if match := re.match(r"    ([│ ├└─]*)(\w+)", line):
            above = [*above[: len(match[1]) // 4], match[2]]
            if len(above) > 1:
                yield above[-2], above[-1]


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    for name in ELSEWHERE:
        import_module(name)
    assert sorted(drawn()) == sorted(tree(SpotkilnError))
    assert ("InfrastructureError", "AwsError") in drawn()


def test_no_error_is_defined_in_a_file_that_the_tree_does_not_name() -> None:
    known = {*ELSEWHERE, "spotkiln.errors"}
    kinds = "|".join(name for pair in drawn() for name in pair)
    for path in (ROOT / "spotkiln").rglob("*.py"):
        if re.search(rf"^class \w+\(({kinds})\b", path.read_text(), re.MULTILINE):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            assert name in known, f"{name}: draw its error in spotkiln/errors.py"


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
