"""`spotkiln logs` of a run, and of a name that Prefect does not know."""

import pytest

from spotkiln.cli.main import main
from tests.unit.prefect_api.conftest import FakeApi


@pytest.mark.parametrize("part", [("--follow",), ("--unit", "web"), ("--since", "2h")])
def test_a_part_of_it_is_refused_with_what_to_type(
    fake: FakeApi, capsys: pytest.CaptureFixture[str], part: tuple[str, ...]
) -> None:
    fake.answers["POST /deployments/filter"] = lambda _: (200, [])
    assert main(["logs", "3f2a91c0", *part]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "no application 3f2a91c0" in said.err
    assert "`spotkiln follow 3f2a91c0`" in said.err
