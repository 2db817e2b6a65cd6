"""Lines of servers as the command shows them: in a pipe, in a terminal, in JSON."""

import json

import pytest

from spotkiln.bake.infra_names import InfraNames
from spotkiln.bake.logs import Logs
from spotkiln.cli.logs import Reading
from spotkiln.errors import InputError
from spotkiln.release.release import ReleaseSpec
from tests.unit import nouns
from tests.unit.cli.test_output import in_a_pipe, in_a_terminal

pytestmark = pytest.mark.programs

LINES = """
from spotkiln.cli.logs import show
from spotkiln.serve.journal import line_of
lines = [
    line_of("1", "shop/web/i-1", 1_769_860_800_000, "GET /[b] 200 :boom: " + "x" * 60),
    line_of("2", "shop/worker/i-2", 1_769_860_801_000, "\\x1b[31mone\\ntwo"),
]
assert show(iter(lines), as_json={as_json}) == 2
"""
FIRST = "2026-01-31T12:00:00.000Z i-1 web GET /[b] 200 :boom: " + "x" * 60
SECOND = "2026-01-31T12:00:01.000Z i-2 worker"


def test_in_a_pipe_each_line_stands_by_itself() -> None:
    shown = in_a_pipe(LINES.format(as_json=False))
    assert shown.splitlines() == [FIRST, f"{SECOND} one", f"{SECOND} two"]


def test_in_a_terminal_when_and_where_have_colours_and_lines_are_not_cut() -> None:
    shown = in_a_terminal(LINES.format(as_json=False))
    first = shown.splitlines()[0]
    assert first.startswith(
        "\x1b[2m2026-01-31T12:00:00.000Z\x1b[0m\x1b[36m i-1 web\x1b[0m GET /[b]"
    )
    assert first.endswith("x" * 60)
    assert "\x1b[31m" not in shown


def test_in_json_each_line_is_an_object() -> None:
    first, second = in_a_pipe(LINES.format(as_json=True)).splitlines()
    assert json.loads(first)["when"] == "2026-01-31T12:00:00Z"
    assert json.loads(second) == {
        "id": "2",
        "when": "2026-01-31T12:00:01Z",
        "unit": "worker",
        "instance": "i-2",
        "text": "one\ntwo",
    }


def test_logs_that_stay_on_the_servers_are_told_with_the_line_to_write() -> None:
    with pytest.raises(InputError, match=r"names no log group.*`spotkiln docs logs`") as caught:
        Reading(ReleaseSpec(app=nouns.app()), "", "1h")
    assert "infra: {logs: {group: /demo-web-app/production}}" in str(caught.value)


def test_what_is_typed_wrong_is_told_before_aws_is_asked() -> None:
    spec = ReleaseSpec(app=nouns.app(), infra=InfraNames(logs=Logs(group="/a")))
    with pytest.raises(InputError, match="expected a unit's name"):
        Reading(spec, "a b", "1h")
