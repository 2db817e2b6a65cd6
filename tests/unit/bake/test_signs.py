"""What real frameworks and runtimes say, word by word, and what is told of it."""

from pathlib import Path

import pytest
import yaml

from spotkiln.bake.diagnose import diagnose
from spotkiln.bake.facts import COMMAND, Facts, Unit, Where

SAID = yaml.safe_load(Path(__file__).with_name("said.yaml").read_text())


@pytest.mark.parametrize("said", SAID, ids=[f"{x['who']}: {x['cause']}" for x in SAID])
def test_a_known_message_has_its_own_sentence(said: dict[str, str]) -> None:
    lines = ((COMMAND, "starting"), (COMMAND, said["line"]), (COMMAND, "stopping"))
    found = diagnose(Facts(app="shop", where=Where.TESTER, lines=lines))
    assert found
    assert said["cause"] in found.summary
    assert said["change"] in found.resolution
    assert found.detail == said["line"]


@pytest.mark.parametrize(
    "line",
    [
        "* Listening on http://0.0.0.0:3000",
        "[2026-11-26 01:02:03 +0000] [42] [INFO] Listening at: http://0.0.0.0:8000 (42)",
        "INFO:     Application startup complete.",
        "KeyError: 'colour'",
        "Error: expected 200, got 500",
        "undefined method `name' for nil:NilClass (NoMethodError)",
        "npm WARN deprecated request@2.88.2",
        "Using config from the environment",
        "Killed 3 old sessions"[7:],
        # It goes on after these.
        "npm WARN EBADENGINE   required: { node: '>=20' },",
        "npm warn EBADENGINE Unsupported engine {",
        "WARNING: SENTRY_DSN is not set, errors are not reported",
        "W, [2026-11-26T01:02:03 #42]  WARN -- : REDIS_URL is missing, jobs run at once",
        '{"level":"warn","msg":"EROFS: read-only file system, open \'/srv/shop/x/y\'"}',
        # No variables.
        "FATAL: SSL is required",
        "the header of the PDF is missing",
    ],
)
def test_what_tells_nothing_has_none(line: str) -> None:
    lines = ((COMMAND, line),)
    assert diagnose(Facts(app="shop", where=Where.TESTER, lines=lines)) is None


@pytest.mark.parametrize("name", ["/srv/shop/dist/server.js", "./generated/client", "../shared"])
def test_a_file_that_is_not_there_is_no_dependency(name: str) -> None:
    lines = ((COMMAND, f"Error: Cannot find module '{name}'"),)
    found = diagnose(Facts(app="shop", where=Where.TESTER, lines=lines))
    assert found
    assert found.summary == f"there is no file {name}"
    assert "`build`" in found.resolution


def test_a_folder_is_told_from_the_applications_own_top() -> None:
    said = "[Errno 30] Read-only file system: '/srv/shop/apps/web/media/a.png'"
    facts = Facts(app="shop", folder="apps/web", where=Where.TESTER, lines=((COMMAND, said),))
    found = diagnose(facts)
    assert found
    assert found.resolution.startswith("Add media to `writable`")


@pytest.mark.parametrize(
    ("where", "setting", "memory"),
    [
        (Where.BUILDER, "Add TOKEN to `build_environment`", "`build.instance_type`"),
        (Where.TESTER, "`test_environment`", "`build.instance_type`"),
        (Where.SERVER, "Add TOKEN to the deployment's `configuration`", "`fleet.instance_types`"),
    ],
)
def test_the_line_to_change_is_that_of_the_machine(where: Where, setting: str, memory: str) -> None:
    missing = diagnose(Facts(app="shop", where=where, lines=((COMMAND, "TOKEN is not set"),)))
    killed = diagnose(Facts(app="shop", where=where, lines=((COMMAND, "Killed"),)))
    assert missing
    assert setting in missing.resolution
    assert killed
    assert memory in killed.resolution


NO_LOGIN = "Authentication is required for gems.example.com."


@pytest.mark.parametrize(
    ("where", "place"),
    [(Where.BUILDER, "`build.secrets`"), (Where.TESTER, "`test_configuration`")],
)
def test_a_login_is_named_where_that_machine_finds_it(where: Where, place: str) -> None:
    found = diagnose(Facts(app="shop", where=where, lines=((COMMAND, NO_LOGIN),)))
    assert found
    assert place in found.resolution


def test_an_application_that_is_refused_by_what_it_calls_has_no_private_index() -> None:
    """When it runs, it fetches no packages."""
    line = "401 Client Error: Unauthorized for url: https://api.example.com/v1/orders"
    unit = Unit(name="shop.service", state="failed", result="exit-code")
    for where in (Where.TESTER, Where.SERVER):
        facts = Facts(app="shop", where=where, units=(unit,), lines=(("shop", line),))
        found = diagnose(facts)
        assert found is None or "index" not in str(found)
        assert found is None or "who asks" not in str(found)


@pytest.mark.parametrize(
    ("after", "counts"),
    [
        ((), True),
        (("    at node:dns:120", "[INFO] server - Exiting..."), True),
        (("INFO: retrying in 5 s",), True),
        (("[INFO] plugins - Loading plugin a", "[INFO] server - Exiting..."), False),
        (("2026-11-26 INFO jobs: 3 are loaded",), False),
    ],
)
def test_what_does_not_answer_is_no_cause_where_it_went_on(
    after: tuple[str, ...], *, counts: bool
) -> None:
    """A look for updates may fail, and what is slow is slow for another reason."""
    said = ("[ERROR] no updates: Error: getaddrinfo ENOTFOUND updates.example.com", *after)
    lines = tuple((COMMAND, one) for one in said)
    found = diagnose(Facts(app="shop", where=Where.SERVER, lines=lines))
    assert bool(found and "updates.example.com" in found.summary) == counts
