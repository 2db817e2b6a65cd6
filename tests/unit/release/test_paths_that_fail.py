"""A release that fails: what is undone, what is told, and what is not touched any more."""

import pytest

from spotkiln.bake.contents import Kind
from spotkiln.bake.junit import TestsFailed
from spotkiln.errors import (
    CutOff,
    GateFailed,
    ImageRejected,
    InfrastructureError,
    InputError,
    MigrationFailed,
    SpotkilnError,
    UnitFailed,
    Vulnerable,
)
from spotkiln.release.release import Fate, LedgerEntry
from spotkiln.release.vulnerabilities import Finding, Known, Severity, Vulnerabilities
from spotkiln.show.page import release_page
from spotkiln.tasks.serve import serve
from tests.unit import nouns
from tests.unit.release.books import GREEN, NEW
from tests.unit.release.paths import FOUND, IMAGE, UNDO, World


def test_nothing_is_undone_before_anything_was_made(world: World) -> None:
    world.answers["check quotas"] = InputError("no room")
    told = world.fails(InputError)
    assert (told.outcome, told.cause, told.undone) == ("failed", "no room", ())
    assert world.taken[-2:] == ["check quotas", "give the turn back"]


def test_red_tests_discard_the_image(world: World) -> None:
    world.answers["test"] = TestsFailed("1 of 3 tests failed", GREEN)
    told = world.fails(TestsFailed)
    assert world.taken[-3:] == ["test", "undo: discard image", "give the turn back"]
    assert (told.outcome, told.undone, told.tests) == ("failed", ("discard image",), GREEN)
    assert [(one.name, one.failed) for one in told.timings][-2:] == [
        *(("test", True), ("undo: discard image", False))
    ]


REFUSING = Vulnerabilities(debian="/srv/debsecan", refuse="high")
SSL = Finding(
    id="CVE-1", kind=Kind.DEB, package="openssl", version="1", severity=Severity.HIGH, fixed="2"
)
VULNERABLE = Known(image=IMAGE.id, checked=nouns.START, findings=(SSL,))


def test_what_is_refused_is_neither_migrated_nor_launched(world: World) -> None:
    world.answers["check vulnerabilities"] = VULNERABLE
    told = world.fails(Vulnerable, vulnerabilities=REFUSING)
    assert world.taken[-4:] == [
        "keep SBOM", "check vulnerabilities", "undo: discard image", "give the turn back",
    ]  # fmt: skip
    assert told.outcome == "failed"
    assert "CVE-1 (high): openssl 1, fixed in 2" in told.cause
    assert told.known == VULNERABLE
    assert told.vulnerabilities[1] == "needs a rebuild: CVE-1 (high): openssl 1, fixed in 2"


def test_an_image_that_is_reused_is_looked_at_as_well(world: World) -> None:
    world.answers |= {"check vulnerabilities": VULNERABLE, "find image": FOUND}
    world.fails(Vulnerable, vulnerabilities=REFUSING)
    assert "bake" not in world.taken


def test_what_is_not_refused_is_told(world: World) -> None:
    world.answers["check vulnerabilities"] = VULNERABLE
    told = world.release(vulnerabilities=Vulnerabilities(debian="/srv/debsecan"))
    assert (told.outcome, told.known) == ("released", VULNERABLE)
    page = release_page(told)
    assert "## Known vulnerabilities" in page
    assert "| CVE-1 | high | openssl 1 | 2 |" in page
    assert "Known vulnerabilities" not in release_page(world.release())


def test_a_fleet_that_does_not_pass_is_cancelled_and_its_image_stays_blameless(
    world: World,
) -> None:
    world.answers["gate"] = GateFailed("no", "unhealthy", "Killed")
    told = world.fails(GateFailed)
    assert world.taken[-4:] == ["gate", *UNDO, "give the turn back"]
    assert (told.outcome, told.last_lines) == ("rolled back", "Killed")
    assert told.undone == ("cancel fleet", "discard image")


def test_a_verdict_on_the_image_is_written_on_it_first(world: World) -> None:
    blamed = IMAGE.with_tags(**{"spotkiln:state": "rejected"})
    world.answers |= {"gate": ImageRejected("no", "unhealthy"), "blame": blamed}
    told = world.fails(ImageRejected)
    assert world.taken[-5:] == ["gate", "blame", *UNDO, "give the turn back"]
    assert told.image == blamed


def test_a_verdict_that_cannot_be_written_down_is_the_verdict(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.answers |= {
        "gate": ImageRejected("no", "unhealthy"), "blame": InfrastructureError("EC2 is away")
    }  # fmt: skip
    assert world.fails(ImageRejected).cause == "no"
    # Nobody does it later.
    assert "could not mark the image: EC2 is away; it tells nothing of the verdict" in caplog.text


def test_what_the_application_said_last_is_not_written_on_its_image(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have printed a secret, and a tag is for all who may look at images."""
    causes: list[str] = []

    def blame(*given: object, keep: bool) -> object:
        assert keep is False
        causes.append(str(given[2]))
        return IMAGE

    monkeypatch.setattr(serve, "blame_image", blame)
    world.answers["gate"] = ImageRejected("no", "unhealthy", "DATABASE_URL=postgres://a:b@c/d")
    assert world.fails(ImageRejected).last_lines == "DATABASE_URL=postgres://a:b@c/d"
    assert causes == ["no"]


def test_a_turn_that_was_lost_promotes_nothing(world: World) -> None:
    world.answers |= {"find image": FOUND, "check the turn": [None, InfrastructureError("lost")]}
    told = world.fails(InfrastructureError)
    assert "promote" not in world.taken
    assert (told.outcome, told.cause) == ("rolled back", "lost")


def test_a_turn_that_was_lost_migrates_nothing(world: World) -> None:
    world.answers |= {"find image": FOUND, "check the turn": InfrastructureError("lost")}
    told = world.fails(InfrastructureError)
    assert "migrate" not in world.taken
    assert (told.outcome, told.cause) == ("failed", "lost")
    assert told.database == "not migrated: the release ended before its migration began"


@pytest.mark.parametrize(
    ("error", "database"),
    [
        (UnitFailed("nothing was carried out: no settings"), "not migrated: "),
        (InfrastructureError("no machine"), "not migrated: "),
        (CutOff("the machine was lost"), "the migration did not end well, and may have done"),
    ],
)
def test_only_a_migration_that_began_may_have_done_a_part(
    world: World, error: SpotkilnError, database: str
) -> None:
    world.answers["migrate"] = error
    assert world.fails(type(error)).database.startswith(database)


def test_a_way_in_that_stays_open_stops_no_release(world: World) -> None:
    world.answers["close access"] = InfrastructureError("EC2 is away")
    assert world.release().outcome == "released"


def test_a_red_migration_launches_nothing_and_blames_no_image(world: World) -> None:
    world.answers["migrate"] = MigrationFailed("it ended with exit status 1", "PG::Error")
    told = world.fails(MigrationFailed)
    assert world.taken[-3:] == ["migrate", "undo: discard image", "give the turn back"]
    assert "blame" not in world.taken
    assert (told.outcome, told.last_lines, told.fleet) == ("failed", "PG::Error", None)
    assert told.database.startswith("the migration did not end well, and may have done a part:")


def test_what_was_migrated_stays_so_when_the_servers_do_not_pass(world: World) -> None:
    world.answers["gate"] = GateFailed("no", "unhealthy")
    told = world.fails(GateFailed)
    assert told.outcome == "rolled back"
    assert told.database.endswith(". It is not migrated back: what serves runs with it")


def test_once_it_serves_nothing_is_undone(world: World) -> None:
    world.answers["retire"] = InfrastructureError("it does not drain")
    told = world.fails(InfrastructureError)
    assert not [one for one in world.taken if one.startswith("undo")]
    assert (told.outcome, told.cause, told.fleet) == ("released", "it does not drain", NEW)


def test_versions_that_cannot_be_pruned_turn_nothing_red(world: World) -> None:
    world.answers["prune"] = InfrastructureError("EC2 is away")
    assert world.release().outcome == "released"


def test_what_cannot_be_undone_does_not_keep_the_rest(world: World) -> None:
    world.answers |= {
        "gate": GateFailed("no", "unhealthy"), "undo: cancel fleet": InfrastructureError("away")
    }  # fmt: skip
    told = world.fails(GateFailed)
    assert told.undone == ("discard image",)


def test_something_left_behind_turns_a_release_red_that_serves(world: World) -> None:
    world.answers["ledger"] = (LedgerEntry(kind="image", id="ami-8", fate=Fate.LEFT_BEHIND),)
    told = world.fails(SpotkilnError)
    assert (told.outcome, told.cause) == ("released", "")


def test_an_image_of_a_rollback_is_never_discarded(world: World) -> None:
    world.answers["gate"] = ImageRejected("no", "unhealthy")
    with pytest.raises(ImageRejected):
        world.rollback()
    assert world.taken[-4:] == ["gate", "blame", "undo: cancel fleet", "give the turn back"]
