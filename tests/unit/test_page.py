"""The pages that people read."""

from datetime import timedelta

from spotkiln.evidence import Evidence
from spotkiln.gate import Cause, Verdict
from spotkiln.gate import Outcome as GateOutcome
from spotkiln.junit import Failure, TestReport
from spotkiln.page import evidence_page, fenced, phase_bars, release_page, table
from spotkiln.release import Entry, Fate, Outcome, Phase, Release
from tests.unit import nouns
from tests.unit.nouns import COMMIT, RELEASE, START


def test_table() -> None:
    assert table(["a", "b"], [(1, "x|y"), ("two\nlines", None)]) == (
        "| a | b |\n| --- | --- |\n| 1 | x\\|y |\n| two lines | None |"
    )


def test_a_code_block_cannot_be_ended_by_its_content() -> None:
    assert fenced("plain\n") == "```\nplain\n```"
    assert fenced("a\n```\nb") == "````\na\n```\nb\n````"
    assert fenced("`````") == "``````\n`````\n``````"


def test_bars_begin_where_the_one_before_ended() -> None:
    phases = [
        Phase(name="bake", seconds=20),
        Phase(name="test", seconds=10),
        Phase(name="gate", seconds=0.1, failed=True),
    ]
    assert phase_bars(phases).splitlines() == [
        "```",
        "bake  ████████████████████               20.0 s",
        "test                      ██████████     10.0 s",
        "gate                                ░     0.1 s",
        "total                                    30.1 s",
        "```",
    ]


def test_bars_without_time() -> None:
    assert phase_bars([]).splitlines()[1].split() == ["total", "0.0", "s"]
    assert phase_bars([Phase(name="look up", seconds=0)]).splitlines()[-2].split() == [
        "total",
        "0.0",
        "s",
    ]


def release(**changes: object) -> Release:
    settings = {
        "id": RELEASE,
        "app": "demo-web-app",
        "ref": "v2",
        "commit": COMMIT,
        "subject": "Say hello",
        "outcome": Outcome.RELEASED,
        "started": START,
        "ended": START + timedelta(seconds=61),
        "target_group": "website",
        "region": "eu-west-1",
    }
    return Release.model_validate({**settings, **changes})


def test_a_release_that_went_well() -> None:
    page = release_page(
        release(
            image=nouns.image("ami-1"),
            fleet=nouns.fleet("sfr-2"),
            retired=(nouns.fleet("sfr-1", capacity=3),),
            tests=TestReport(tests=9, skipped=1, seconds=4.25),
            phases=(Phase(name="bake", seconds=40), Phase(name="gate", seconds=20)),
            ledger=(
                Entry(kind="image", id="ami-1", fate=Fate.KEPT),
                Entry(kind="snapshot", id="snap-1", fate=Fate.KEPT),
                Entry(kind="instance", id="i-1", fate=Fate.DESTROYED),
            ),
        )
    )
    assert page.startswith("# demo-web-app: released\n")
    for line in (
        "| ref | v2 (`c0ffeec0ffee`) Say hello |",
        "| target group | website in eu-west-1 |",
        "| started | 2024-05-01 12:00:00 UTC, took 61 s |",
        "| fleet | `sfr-2` with 2 instances of commit `c0ffeec0ffee` |",
        "- `sfr-1` with 3 instances of commit `c0ffeec0ffee`",
        "Tests: 9 tests, 0 failed, 1 skipped in 4.2 s",
        "## Ledger: 3 created = 2 kept, 1 destroyed",
        "| instance | `i-1` | destroyed |",
    ):
        assert line in page.splitlines()
    assert ", baked by this release |" in page
    assert "## Undone" not in page


def test_a_reused_image_says_why() -> None:
    page = release_page(release(image=nouns.image(), reused="the same recipe 12ab"))
    assert ", reused: the same recipe 12ab |" in page


def test_red_tests_are_named() -> None:
    failures = (Failure(name="GET /up answers", message="expected 200"),)
    page = release_page(
        release(
            outcome=Outcome.FAILED,
            cause="1 of 9 tests failed",
            tests=TestReport(tests=9, skipped=0, failures=failures),
            undone=("discard image",),
        )
    )
    assert page.startswith(
        "# demo-web-app: failed before any server was asked for\n\n```\n1 of 9 tests failed\n```\n"
    )
    assert "## Failing tests\n\n- **GET /up answers**: expected 200\n" in page
    assert "## Undone\n\n- discard image\n" in page


def test_each_outcome_has_a_headline() -> None:
    headlines = {release_page(release(outcome=one)).splitlines()[0] for one in Outcome}
    assert len(headlines) == len(Outcome)


def test_evidence() -> None:
    verdict = Verdict(
        outcome=GateOutcome.FAILED, cause=Cause.FAILING_CHECK, detail="i-1 sick", advice="Look."
    )
    page = evidence_page(
        nouns.fleet("sfr-2"),
        verdict,
        Evidence(
            targets=(nouns.target("i-1", "unhealthy", "Target.Timeout"),),
            instances=(nouns.instance("i-1", "running", type="t3.micro", zone="eu-west-1a"),),
            history=("12:00:01 instanceChange launched i-1",),
            consoles={"i-1": "boot\n```\nfailed", "i-2": ""},
        ),
    )
    assert page.startswith("# sfr-2 did not pass the gate\n\n```\nfailing check: i-1 sick. Look.\n")
    assert "| i-1 | unhealthy | Target.Timeout |  |" in page
    assert "| i-1 | running | t3.micro | eu-west-1a |  |" in page
    assert "```\n12:00:01 instanceChange launched i-1\n```" in page
    assert "## Console of i-1\n\n````\nboot\n```\nfailed\n````" in page
    assert "## Console of i-2\n\n```\nnone yet\n```" in page


def test_evidence_of_a_fleet_that_left_none() -> None:
    verdict = Verdict(outcome=GateOutcome.FAILED, cause=Cause.CAPACITY, detail="no machines")
    page = evidence_page(nouns.fleet(), verdict, Evidence())
    assert "## Fleet history\n\n```\nnone\n```" in page
