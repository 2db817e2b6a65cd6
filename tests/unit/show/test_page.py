"""The pages that people read."""

from datetime import timedelta

from spotkiln import tags as t
from spotkiln.bake.changes import Changes, Commit, Dependency
from spotkiln.bake.junit import Failure, TestReport
from spotkiln.bake.precedence import Origin, Setting
from spotkiln.bake.twin import pair
from spotkiln.keep.versions import Version
from spotkiln.release.release import Fate, LedgerEntry, Outcome, Release, Timing
from spotkiln.release.trigger import Trigger
from spotkiln.serve.price import Cost
from spotkiln.show.page import approval_text, release_page
from tests.unit import nouns
from tests.unit.nouns import COMMIT, RELEASE, START
from tests.unit.release.test_plan import plan


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
            foreign=("instance i-9: left alone",),
            size="6 of t3.micro: as many as serve now; 2 are asked for",
            commit_url=f"https://github.com/o/n/commit/{COMMIT}",
            trigger=Trigger(kind="push", by="alice"),
            run="run-1",
            url="http://ui/runs/run-1",
            address="website.example",
            served="01d01d01d01d0",
            servers=(nouns.server("i-1"),),
            cost=Cost(per_hour=0.01, on_demand=0.04),
            retired=(nouns.fleet("sfr-1", capacity=3),),
            tests=TestReport(tests=9, skipped=1, seconds=4.25),
            timings=(Timing(name="bake", seconds=40), Timing(name="gate", seconds=20)),
            ledger=(
                LedgerEntry(kind="image", id="ami-1", fate=Fate.KEPT),
                LedgerEntry(kind="snapshot", id="snap-1", fate=Fate.KEPT),
                LedgerEntry(kind="instance", id="i-1", fate=Fate.DESTROYED),
            ),
        )
    )
    assert page.startswith("# demo-web-app: released\n\n**What to do**: ")
    for line in (
        f"- **commit**: [`c0ffeec0ffee`](https://github.com/o/n/commit/{COMMIT}) Say hello",
        "- **ref**: v2",
        "- **started by**: push (alice)",
        "- **asked for**: 6 of t3.micro: as many as serve now; 2 are asked for",
        "- instance i-9: left alone",
        "- **tests**: 9 tests, 0 failed, 1 skipped in 4.2 s",
        "- **cost**: 0.0100 USD per hour, On-Demand 0.0400 USD: 75 % saved",
        "| `i-1` | t3.micro | eu-west-1a | Spot | healthy |",
        "- **run**: [run-1](http://ui/runs/run-1)",
        "bake 40.0 s, gate 20.0 s",
        "- **address**: <http://website.example>",
        "- **served before**: `01d01d01d01d`",
        "- **target group**: website in eu-west-1",
        "- **when**: 2024-05-01 12:00:00 UTC, took 61 s",
        "- **fleet**: `sfr-2` with 2 servers of commit `c0ffeec0ffee`",
        "- `sfr-1` with 3 servers of commit `c0ffeec0ffee`",
    ):
        assert line in page.splitlines()
    assert page.endswith(
        "\n\n## What it made\n\nOf the 3 things that it made in AWS nothing is left behind. "
        "These stay: image `ami-1`, snapshot `snap-1`. These are gone again: 1 instance.\n"
    )
    assert "![bake 40.0 s, gate 20.0 s](data:image/svg+xml;base64," in page
    assert f"- **image**: `ami-1` {nouns.image('ami-1').name}, baked by this release\n" in page
    assert "## Undone" not in page
    assert "```" not in page


def test_what_stays_for_the_same_reason_is_told_once() -> None:
    stays = [
        LedgerEntry(kind=kind, id=f"{kind}-{n}", fate=Fate.KEPT, why=why)
        for n in range(2)
        for kind, why in (("volume", "part of sfr-1"), ("instance", "part of sfr-1"))
    ]
    own = LedgerEntry(kind="spot-fleet-request", id="sfr-1", fate=Fate.KEPT, why="serves")
    page = release_page(release(ledger=(own, *stays)))
    assert page.endswith(
        "These stay: spot-fleet-request `sfr-1` (serves), 2 volumes (part of sfr-1), "
        "2 instances (part of sfr-1).\n"
    )


def test_what_has_changed_since() -> None:
    changes = Changes(
        since="01d" * 13 + "0",
        commits=(Commit(commit=COMMIT, subject="Say *hello*"),),
        more=3,
        dependencies=(Dependency(name="rack", before="3.0", now="", file="Gemfile.lock"),),
        url="https://github.com/o/n/compare/a...b",
    )
    page = release_page(release(changes=changes))
    assert (
        "\n\n## What has changed since `01d01d01d01d`\n\n"
        "- `c0ffeec0ffee` Say \\*hello\\*\n- and 3 more\n\n"
        "[All of it, compared](https://github.com/o/n/compare/a...b)\n\n"
        "| dependency | before | now | file |\n| --- | --- | --- | --- |\n"
        "| rack | 3.0 | – | Gemfile.lock |\n\n"
    ) in page
    apart = release_page(release(changes=Changes(since="a" * 40, apart=True)))
    assert "`aaaaaaaaaaaa` is not among the commits before this one." in apart
    assert "## What has changed" not in release_page(release())


def test_no_table_has_an_empty_header() -> None:
    """The UI shows it as an empty row."""
    versions = (Version(image="ami-2", commit="b" * 40, released=START, serving=True),)
    lost = LedgerEntry(kind="image", id="ami-1", fate=Fate.LEFT_BEHIND)
    settings = (Setting(key="start", shown="a", origin=Origin.FILE),)
    lines = release_page(
        release(
            versions=versions, ledger=(lost,), settings=settings, servers=(nouns.server("i-1"),)
        )
    ).splitlines()
    headers = [lines[at - 1] for at, line in enumerate(lines) if line.startswith("| ---")]
    assert len(headers) == 4
    assert all(cell.strip() for line in headers for cell in line.strip("|").split("|"))


def test_the_cause_and_what_to_do_come_first() -> None:
    page = release_page(
        release(
            outcome=Outcome.ROLLED_BACK,
            deployment="demo-web-app-staging",
            cause="i-1 is sick\n  because",
            evidence="http://ui/artifacts/artifact/1",
            last_lines="boom",
        )
    )
    assert page.startswith(
        "# demo-web-app-staging: rolled back: what served before serves on\n\n"
        "> i-1 is sick  \n> because\n\n"
        "[What the servers showed](http://ui/artifacts/artifact/1): their last lines, and their "
        "health.\n\n"
        "**What to do**: Mend the cause and push. If the commit is not to blame, try it again: "
        "`spotkiln release demo-web-app-staging`.\n\n"
        "## Last lines of what failed\n\n`boom`\n\n## What it was\n"
    )


def test_each_ending_says_what_to_do() -> None:
    def told(**changes: object) -> str:
        lines = release_page(release(deployment="shop-eu", **changes)).splitlines()
        (line,) = [line for line in lines if line.startswith("**What to do**: ")]
        return line

    assert len({told(outcome=one) for one in Outcome}) == len(Outcome) - 1
    assert told(outcome=Outcome.FAILED) == told(outcome=Outcome.ROLLED_BACK)
    assert "none to go back to yet" in told()
    older = Version(image="ami-1", commit="a" * 40, released=START)
    assert "`spotkiln rollback shop-eu`" in told(versions=(older,))
    assert "`spotkiln unhold shop-eu`" in told(outcome=Outcome.HELD)
    assert "`spotkiln release shop-eu --force`" in told(outcome=Outcome.UNCHANGED)
    back = {"back_to": "2024-05-01 12:00:00 UTC"}
    assert "`spotkiln release shop-eu --even-if-held`" in told(**back)
    again = told(**back, outcome=Outcome.ROLLED_BACK)
    assert "`spotkiln rollback shop-eu c0ffeec0ffee`" in again
    assert "`spotkiln restart shop-eu`" in told(**back, restarted=True, outcome=Outcome.CANCELLED)
    for outcome in Outcome:
        assert "nothing to do" in told(**back, restarted=True) or "spotkiln" in told(
            **back, outcome=outcome
        )


def test_what_is_not_known_is_not_made_up() -> None:
    page = release_page(release(commit="", subject="", ref="main"))
    assert "- **started by**: unknown" in page
    assert "It ended before its first step." in page
    for unknown in ("**commit**", "**cost**", "## Targets", "**tests**", "**address**"):
        assert unknown not in page
    assert "- **commit**: `c0ffeec0ffee` Say hello\n" in release_page(release())


def test_words_of_others_are_no_markup() -> None:
    page = release_page(
        release(
            ref="<img/src=x>|`b`",
            subject="![x](http://evil) <b>",
            trigger=Trigger(kind="push", by="[a](http://evil)"),
            approval="approved by *b*",
            why="for *c*",
        )
    )
    assert r"!\[x\](http://evil) \<b\>" in page
    assert r"- **started by**: push (\[a\](http://evil))" in page
    assert r"- **approval**: approved by \*b\*" in page
    assert r"- **why**: for \*c\*" in page
    assert r"- **ref**: \<img/src=x\>|\`b\`" in page


def test_what_is_to_be_approved() -> None:
    text = approval_text(plan())
    assert text.startswith(
        "## What would change\n\n- demo-web-app main is c0ffeec0ffee: Say hello\n"
    )
    assert all(line.startswith("- ") for line in text.splitlines()[2:])
    assert approval_text(plan(), "for *Ada*") == text + "- why: for \\*Ada\\*\n"


def test_what_came_from_where() -> None:
    settings = (
        Setting(key="start", shown="a | b *c*", origin=Origin.FILE),
        Setting(key="port", shown="8080", origin=Origin.DEPLOYMENT),
        Setting(key="environment.A", shown="", origin=Origin.DETECTED, why="Gemfile has rails"),
        Setting(key="user", shown="webapp", origin=Origin.DEFAULT),
        Setting(key="test_seconds", shown="900", origin=Origin.DEFAULT),
    )
    page = release_page(release(settings=settings, needs=("Ruby 3.3.6 (.ruby-version)",)))
    _, _, part = page.partition("## What came from where\n\n")
    assert part.partition("\n\n## ")[0].splitlines() == [
        "| setting | value | from |",
        "| --- | --- | --- |",
        "| `start` | a \\| b \\*c\\* | spotkiln.yaml |",
        "| `port` | 8080 | deployment |",
        "| `environment.A` | (not shown) | detected: Gemfile has rails |",
        "",
        "By default: `user` webapp, `test_seconds` 900.",
        "",
        "The base image must have Ruby 3.3.6 (.ruby-version).",
    ]
    assert "## What came from where" not in release_page(release())


def test_a_reused_image_says_why() -> None:
    page = release_page(release(image=nouns.image(), reused="the same recipe 12ab"))
    assert ", reused: the same recipe 12ab\n" in page


def test_what_baked_the_image_is_told_where_spot_was_asked_for() -> None:
    used = "Spot t3.small in eu-west-1a, 212 s for 0.0005 USD"
    image = nouns.image().with_tags(**{"spotkiln:baked-on": used})
    assert used in release_page(release(image=image))
    # Not of an image that another release has baked.
    assert used not in release_page(release(image=image, reused="the same recipe 12ab"))
    assert "baked on" not in release_page(release(image=nouns.image()))


def test_both_images_of_a_release_for_two_architectures_are_named() -> None:
    image = nouns.image("ami-1")
    arm = nouns.image("ami-2").model_copy(update={"architecture": "arm64"})
    page = release_page(release(image=pair(image, arm)))
    assert f"`ami-1` (x86_64) and `ami-2` (arm64) {image.name}, baked by this release" in page


def test_a_version_that_is_suspect_is_shown_until_it_has_passed_again() -> None:
    image = nouns.image("ami-1", suspect="2024-05-01T12:00:00+00:00 website: [x](http://y)")
    failed = release_page(release(image=image, outcome=Outcome.ROLLED_BACK))
    assert "- **suspect**: it stays a version, but `previous` prefers others: " in failed
    assert "[x](http" not in failed
    assert "suspect" not in release_page(release(image=image))


def test_what_a_rollback_holds_is_shown() -> None:
    back = nouns.fleet("sfr-2")
    back = back.model_copy(update={"tags": {**back.tags, t.HELD: "aaaabbbbcccc"}})
    page = release_page(release(fleet=back, image=nouns.image(), back_to="2024-05-01"))
    assert "- **held**: aaaabbbbcccc: not released again until a newer commit is" in page
    assert "**held**" not in release_page(release(fleet=back, outcome=Outcome.ROLLED_BACK))


def test_the_versions_to_go_back_to_are_listed_with_what_is_to_be_said_of_them() -> None:
    versions = (
        Version(image="ami-2", commit="b" * 40, released=START, serving=True),
        Version(image="ami-1", commit="a" * 40, released=START, left=True, suspect="when: [x](y)"),
    )
    page = release_page(release(versions=versions))
    assert "## Versions of website" in page
    assert f"| `ami-2` | `{'b' * 12}` | 2024-05-01 12:00:00 UTC | serving |" in page
    assert f"| `ami-1` | `{'a' * 12}` | 2024-05-01 12:00:00 UTC | left by a rollback; susp" in page
    assert "[x](y)" not in page


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
        "# demo-web-app: failed before any server was asked for\n\n> 1 of 9 tests failed\n"
    )
    assert "## Failing tests\n\n- **GET /up answers**: expected 200\n" in page
    assert "## Undone\n\n- discard image\n" in page


def test_names_of_what_is_not_ours_are_no_markup() -> None:
    """Whoever may make an Auto Scaling group may call it anything."""
    kept = LedgerEntry(kind="image", id="ami-1", fate=Fate.KEPT, why="said <b>no</b>")
    page = release_page(release(foreign=("![x](http://evil) (2 instances)",), ledger=(kept,)))
    assert r"- !\[x\](http://evil) (2 instances)" in page.splitlines()
    assert r"image `ami-1` (said \<b\>no\</b\>)" in page


def test_only_what_is_left_behind_is_a_table() -> None:
    entries = (
        LedgerEntry(kind="instance", id="i-1", fate=Fate.LEFT_BEHIND),
        LedgerEntry(kind="image", id="ami-1", fate=Fate.DESTROYED),
    )
    page = release_page(release(ledger=entries))
    assert page.endswith(
        "\n\n## Left behind: 1 of the 2 things that it made in AWS\n\n"
        "| left behind | id |\n| --- | --- |\n| instance | `i-1` |\n\n"
        "What is left behind, `spotkiln reconcile` clears up; it also runs by itself. "
        "These are gone again: 1 image.\n"
    )
    unread = release_page(release(ledger_unread="no right"))
    assert unread.endswith("\n\n## What it made\n\nThat could not be read:\n\n> no right\n")


def test_a_tests_words_are_no_markup() -> None:
    """Anybody may send a pull request with a test whose name is one."""
    bad = Failure(
        name="<script>a</script>\n\n# Released **b** | c",
        message="![x](http://evil/?)\n- [ ] \x1b[31mred\x1b[0m `d`\x00 \u202eback",
    )
    page = release_page(release(tests=TestReport(tests=1, skipped=0, failures=(bad,))))
    line = next(line for line in page.splitlines() if "script" in line)
    assert line == (
        r"- **\<script\>a\</script\> # Released \*\*b\*\* | c**: "
        r"!\[x\](http://evil/?) - \[ \] red \`d\` back"
    )


def test_a_thousand_failures_are_counted() -> None:
    failures = tuple(Failure(name=f"spec {n}", message="no") for n in range(1000))
    tests = TestReport(tests=1200, skipped=0, failures=failures, more_failures=200)
    page = release_page(release(tests=tests))
    assert page.count("- **spec ") == 50
    assert "- and 1150 more\n" in page
    assert "- **tests**: 1200 tests, 1200 failed in 0.0 s" in page


def test_the_last_lines_of_what_failed_follow_the_cause() -> None:
    page = release_page(
        release(outcome=Outcome.ROLLED_BACK, cause="sick", last_lines="console of i-1:\n``` no")
    )
    quoted = "## Last lines of what failed\n\n`console of i-1:`  \n```` ``` no ````\n"
    assert page.index("> sick\n") < page.index(quoted)


def test_each_outcome_has_a_headline() -> None:
    headlines = {release_page(release(outcome=one)).splitlines()[0] for one in Outcome}
    assert len(headlines) == len(Outcome)


def test_debians_packages_that_differ_are_shortened() -> None:
    def changed(count: int) -> tuple[Dependency, ...]:
        named = (f"lib{number:03}" for number in range(count))
        return tuple(Dependency(name=x, before="1", now="2~x", file="") for x in named)

    page = release_page(release(packages=changed(20)))
    assert "## Debian packages that differ" in page
    assert "| lib019 | 1 | 2~x |" in page
    assert "spotkiln diff" not in page
    page = release_page(release(packages=changed(31), deployment="shop"))
    assert "| lib020 |" not in page
    assert "And 11 more: `spotkiln diff shop previous current` lists all of them." in page
    assert "Debian packages that differ" not in release_page(release())
