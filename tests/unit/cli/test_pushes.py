"""Which pushes start a deployment, as `spotkiln doctor` and `prefect deploy` tell it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import yaml

from spotkiln.cli.pushes import pushes, refuse_unbound
from spotkiln.errors import InputError
from spotkiln.start.deployment import Deployment
from spotkiln.start.hooks import Hooks, Host
from tests.unit.prefect_api.conftest import FakeApi

IDENT = UUID(int=3)
VARIABLE = "GET /variables/name/spotkiln_receiver"
SHOP = "https://github.com/acme/shop.git"


def deployment(*tags: str, repository: str = SHOP) -> Deployment:
    parameters = {"app": {"repository": repository}}
    return Deployment(id=IDENT, name="release/shop", tags=tags, parameters=parameters)


def receiver(fake: FakeApi, *secrets: str, told: datetime | None = None) -> None:
    """There is a receiver, with these secrets for GitHub."""
    hooks = Hooks(secrets={Host.GITHUB: secrets}).model_dump(mode="json")
    updated = (told or datetime.now(UTC) - timedelta(days=30)).isoformat()
    stored = {"id": str(IDENT), "name": "spotkiln_receiver", "value": hooks, "updated": updated}
    fake.answers[VARIABLE] = lambda _: (200, stored)
    missed(fake)


def missed(fake: FakeApi, *events: dict[str, Any]) -> None:
    page = {"events": list(events), "total": len(events), "next_page": None}
    fake.answers["POST /events/filter"] = lambda _: (200, page)


def event(resource: str, repository: str, reason: str) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat()
    return {
        "id": str(IDENT), "occurred": now, "received": now, "event": "spotkiln.push.not-started",
        "resource": {"prefect.resource.id": "x", "prefect.resource.name": resource},
        "payload": {"repository": repository, "reason": reason},
    }  # fmt: skip


def test_one_that_listens_to_nothing_needs_no_receiver(fake: FakeApi) -> None:
    assert pushes(deployment()) == "none: it has no tag push:branch or push:tag"
    assert not fake.asked


def test_without_a_receiver_no_push_starts_it(fake: FakeApi) -> None:
    with pytest.raises(InputError, match="no receiver has told Prefect of itself yet"):
        pushes(deployment("push:branch=main"))


def test_what_it_listens_to(fake: FakeApi) -> None:
    receiver(fake, "hooks")
    assert pushes(deployment("push:branch=main", "push:tag=v*")) == "main, tag v*"


def test_what_keeps_every_push_from_starting_it(fake: FakeApi) -> None:
    receiver(fake, "hooks", "other")
    with pytest.raises(InputError, match="several secrets may sign for repositories at github"):
        pushes(deployment("push:branch=main"))
    assert pushes(deployment("push:branch=main", "push:secret=other")) == "main"


def test_a_push_that_was_missed_is_told_until_the_address_is_mended(fake: FakeApi) -> None:
    receiver(fake, "hooks")
    work = deployment("push:branch=main", repository="https://git.example/acme/shop.git")
    missed(fake, event("github.com/acme/shop", "git.example/acme/shop", "another host"))
    with pytest.raises(InputError, match="UTC: another host"):
        pushes(work)
    assert pushes(deployment("push:branch=main")) == "main"


def test_missed_pushes_are_looked_for_since_the_receiver_was_set_up_a_week_at_most(
    fake: FakeApi,
) -> None:
    now = datetime.now(UTC)
    for told, since in ((now - timedelta(days=30), timedelta(days=7)), (now, timedelta())):
        receiver(fake, "hooks", told=told)
        pushes(deployment("push:branch=main"))
        asked = fake.bodies("POST /events/filter")[-1]["filter"]
        seen = datetime.fromisoformat(asked["occurred"]["since"])
        assert abs(now - since - seen) < timedelta(minutes=1)
        assert asked["related"]["id"] == [f"prefect.deployment.{IDENT}"]


def test_a_file_is_refused_while_one_of_its_deployments_may_be_started_by_anybody(
    fake: FakeApi, tmp_path: Path
) -> None:
    receiver(fake, "hooks", "other")
    stanza = {"name": "shop", "parameters": {"app": {"repository": SHOP}}}
    path = tmp_path / "prefect.yaml"

    def write(*tags: str) -> str:
        nightly = {"name": "nightly", "parameters": None}
        path.write_text(yaml.safe_dump({"deployments": [{**stanza, "tags": list(tags)}, nightly]}))
        return str(path)

    with pytest.raises(InputError, match="release/shop: several secrets may sign"):
        refuse_unbound(write("push:branch=main"))
    with pytest.raises(InputError, match="got the tag 'push:brnach=main'"):
        refuse_unbound(write("push:brnach=main"))
    assert refuse_unbound(write("push:branch=main", "push:secret=hooks")) == {}
    assert refuse_unbound(write()) == {}
    del fake.answers[VARIABLE]
    assert refuse_unbound(write("push:branch=main")) == {}
