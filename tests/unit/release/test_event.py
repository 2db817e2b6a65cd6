"""What subscribers are told."""

from datetime import timedelta

from spotkiln.release.event import event_of
from spotkiln.release.release import Outcome, Release
from spotkiln.release.trigger import Trigger
from spotkiln.serve.price import Cost
from tests.unit import nouns
from tests.unit.nouns import COMMIT, RELEASE, START


def release(outcome: Outcome, **changes: object) -> Release:
    settings = {
        "id": RELEASE,
        "app": "shop",
        "ref": "main",
        "commit": COMMIT,
        "trigger": Trigger(kind="push", by="alice"),
        "outcome": outcome,
        "started": START,
        "ended": START + timedelta(seconds=61),
        "target_group": "website",
        "region": "eu-west-1",
    }
    return Release.model_validate({**settings, **changes})


def test_each_outcome_is_an_event_of_its_own() -> None:
    names = {event_of(release(one)).name for one in Outcome}
    assert len(names) == len(Outcome)
    assert {
        "spotkiln.release.released",
        "spotkiln.release.rolled-back",
        "spotkiln.release.unchanged",
        "spotkiln.release.failed",
    } <= names


def test_a_release_that_ended() -> None:
    event = event_of(
        release(
            Outcome.ROLLED_BACK,
            cause="failing check",
            image=nouns.image("ami-1"),
            fleet=nouns.fleet("sfr-1"),
            cost=Cost(per_hour=0.01),
        )
    )
    assert event.resource["prefect.resource.id"] == "spotkiln.app.shop"
    assert event.resource["spotkiln.trigger"] == "push"
    told = {name: event.payload[name] for name in ("commit", "image", "fleet", "cause", "seconds")}
    assert told == {
        "commit": COMMIT,
        "image": "ami-1",
        "fleet": "sfr-1",
        "cause": "failing check",
        "seconds": 61.0,
    }
    assert event.payload["usd_per_hour"] == 0.01


def test_one_that_began() -> None:
    event = event_of(release(Outcome.FAILED, cause="none yet"), started=True)
    assert event.name == "spotkiln.release.started"
    assert (event.payload["cause"], event.payload["seconds"]) == ("", 0.0)
