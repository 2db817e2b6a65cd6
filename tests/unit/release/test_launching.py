"""Whether servers are asked for while the new image is still tested."""

from typing import Any

import pytest

from spotkiln.bake.migrations import Between
from spotkiln.release.launching import in_words, why_after_tests
from spotkiln.release.migration import Migration
from spotkiln.release.release import ReleaseSpec
from tests.unit import nouns

PAIR = nouns.infra(second=nouns.target_group(name="website-green"))
MIGRATES = {"migrate": "bin/migrate"}
NOTHING_NEW = Migration(once=True, why="once", new=Between())
NONE = Migration()
HOOK = {"before_launch": {"command": "npm run announce"}}


def why(migration: Migration = NONE, infra: Any = PAIR, spec: Any = None, **app: Any) -> str:
    given = ReleaseSpec.model_validate({"app": nouns.app(), **(spec or {})})
    return why_after_tests(given, infra, nouns.settled(**{"migrate": "", **app}), migration)


def test_beside_the_tests_if_the_servers_do_nothing_before_they_get_requests() -> None:
    assert why() == ""
    assert why(NOTHING_NEW, **MIGRATES) == ""
    told = {"before_launch": {"url": "https://hooks.example.com/shop"}, "secret": "shop-hooks"}
    assert why(spec={"hooks": told}) == ""


@pytest.mark.parametrize(
    ("told", "given"),
    [
        ("with one target group", {"infra": nouns.infra()}),
        ("the deployment says so", {"spec": {"traffic": {"launch_after_tests": True}}}),
        ("what its migration does is not known", {"migration": Migration(once=True), **MIGRATES}),
        (
            "it brings migrations: db/migrate/2",
            {"migration": Migration(new=Between(names=("db/migrate/2",))), **MIGRATES},
        ),
        (
            "it brings migrations: which ones cannot be told",
            {"migration": Migration(new=Between(known=False)), **MIGRATES},
        ),
        (
            "its servers work without requests, too: cleaner, worker",
            {
                "processes": {"worker": {"start": "bin/work"}},
                "timers": {"cleaner": {"run": "bin/clean", "on": "daily"}},
            },
        ),
        ("a command is carried out before the launch", {"spec": {"hooks": HOOK}}),
    ],
)
def test_after_them_otherwise(told: str, given: dict[str, Any]) -> None:
    assert why(**given).startswith(told)


def test_in_words() -> None:
    assert in_words(nouns.infra(), "with one target group") == ""
    assert in_words(PAIR, "") == "while the image is tested"
    assert in_words(PAIR, "the deployment says so") == "after the tests: the deployment says so"
