"""Doctor: what is looked at, what is told once, and what each finding says to do."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from spotkiln.bake import packer
from spotkiln.cli.automations import Applied
from spotkiln.cli.doctor import application, machine, prefect
from spotkiln.cli.doctor import examine as doctor
from spotkiln.cli.doctor.check import Check, check, merged
from spotkiln.errors import InputError
from spotkiln.prefect_api.automation import Done
from spotkiln.process import Finished
from spotkiln.release.release import ReleaseSpec
from spotkiln.start.deployment import Deployment
from tests.unit import nouns
from tests.unit.prefect_api import answers
from tests.unit.prefect_api.conftest import FakeApi

ACTIVE = [{"id": str(UUID(int=3)), "schedule": {"interval": 600}, "active": True}]


@pytest.mark.parametrize("wanted", ["shop", "release/shop"])
def test_with_and_without_its_flow(
    fake: FakeApi, monkeypatch: pytest.MonkeyPatch, wanted: str
) -> None:
    monkeypatch.setattr(machine, "examine", list)
    monkeypatch.setattr(prefect, "server", lambda: "")
    monkeypatch.setattr(prefect, "examine", list)
    examined: list[str] = []

    def examine(one: Deployment) -> list[Check]:
        examined.append(one.name)
        return []

    monkeypatch.setattr(application, "examine", examine)
    both = [answers.deployment("shop"), answers.deployment("blog")]
    fake.answers["POST /deployments/filter"] = lambda _: (200, both)
    doctor.examine(wanted)
    # Each flow has one of that name here.
    assert examined == ["release/shop", "preview/shop"]


def test_it_says_what_is_frozen_and_until_when() -> None:
    def freeze(**spec: Any) -> Check:
        asked = ReleaseSpec(app=nouns.app(), **spec)
        return check("release/shop", "freeze", lambda: application.freeze(asked))

    today = datetime.now(UTC)
    around = f"{today - timedelta(days=2):%Y-%m-%d} - {today + timedelta(days=2):%Y-%m-%d}"
    past = "2020-12-20 - 2021-01-02"
    assert freeze().detail == "no windows"
    assert freeze(freeze=(past,)).detail == f"free now; frozen: {past}"
    now = freeze(freeze=(around,))
    assert now.ok
    assert now.detail.startswith("frozen until ")
    # In a deployment it would break every freeze.
    assert not freeze(freeze=(past,), break_glass="alice: always").ok


def ok(about: str, name: str, detail: str = "x") -> Check:
    return Check(about=about, name=name, ok=True, detail=detail)


def test_what_is_the_same_everywhere_is_told_once() -> None:
    every = ["release/a", "release/b", "rollback/a"]
    found = merged(
        [
            ok("release/a", "region"),
            ok("release/a", "target group", "website"),
            ok("release/b", "region"),
            ok("release/b", "target group", "blog"),
            ok("rollback/a", "queue", "queue urgent"),
        ],
        every,
    )
    assert [(one.about, one.name, one.detail) for one in found] == [
        ("all applications", "region", "x"),
        ("release/a", "target group", "website"),
        ("release/b", "target group", "blog"),
        ("rollback/a", "queue", "queue urgent"),
    ]
    wrong = ok("release/a", "worker").model_copy(update={"ok": False})
    three = [wrong, wrong.model_copy(update={"about": "release/b"}), ok("release/c", "worker")]
    assert [one.about for one in merged(three, ["release/a", "release/b", "release/c"])] == [
        "release/a, release/b",
        "release/c",
    ]


# -- Prefect --


def has(fake: FakeApi, *found: dict[str, Any]) -> None:
    fake.answers["POST /deployments/filter"] = lambda _: (200, list(found))


def test_a_server_that_asks_nobody_is_told(fake: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    fake.answers["GET /admin/version"] = lambda _: (401, {})
    assert prefect.password() == "asked for"
    fake.answers["GET /admin/version"] = lambda _: (200, "3.8.8")
    assert "none: each user of this machine" in prefect.password()
    monkeypatch.setattr(prefect, "address", lambda: "http://prefect.example:4200/api")
    with pytest.raises(InputError, match="whoever reaches it may run code on the workers"):
        prefect.password()


def test_reconcile_that_does_not_run_by_itself_is_told(fake: FakeApi) -> None:
    has(fake)
    with pytest.raises(InputError, match="reconcile/reconcile is not there"):
        prefect.reconcile([])
    its = {"work_pool_name": "spotkiln", "work_queue_name": "urgent"}
    has(fake, answers.deployment("reconcile", schedules=ACTIVE, **its))
    assert prefect.reconcile([]) == "regularly; queue urgent"
    paused = [{**ACTIVE[0], "active": False}]
    for changes in ({"schedules": paused}, {"schedules": ACTIVE, "paused": True}, {}):
        has(fake, answers.deployment("reconcile", **its, **changes))
        with pytest.raises(InputError, match="does not run by itself"):
            prefect.reconcile([])


def test_nights_that_are_switched_off_are_told_and_paused_ones_are_wrong(fake: FakeApi) -> None:
    has(fake)
    assert prefect.nights().startswith("none")
    night = answers.deployment("nightly", schedules=ACTIVE, parameters={"switch": "nights"})
    has(fake, night)
    fake.answers["GET /variables/name/nights"] = lambda _: (
        200, {"id": str(UUID(int=4)), "name": "nights", "value": "off"},
    )  # fmt: skip
    assert prefect.nights() == "nightly (off)"
    has(fake, {**night, "paused": True})
    with pytest.raises(InputError, match="its schedule is paused or gone"):
        prefect.nights()


def test_what_all_applications_need_is_missed(fake: FakeApi) -> None:
    has(fake)
    with pytest.raises(InputError, match="run/command, retire/application is not there"):
        prefect.for_all([])


def test_each_account_needs_its_own_of_what_works_for_all(fake: FakeApi) -> None:
    staging = Deployment(id=UUID(int=1), name="release/shop", pool="staging")
    production = staging.model_copy(update={"name": "release/shop-live", "pool": "production"})
    its = {"work_pool_name": "staging", "work_queue_name": "urgent", "schedules": ACTIVE}
    has(fake, answers.deployment("reconcile", **its))
    assert prefect.reconcile([staging]) == "regularly; queue urgent"
    with pytest.raises(InputError, match="no deployment of the flow reconcile for work pool prod"):
        prefect.reconcile([staging, production])
    live = answers.deployment("live", **{**its, "work_pool_name": "production", "schedules": []})
    has(fake, answers.deployment("reconcile", **its), live)
    with pytest.raises(InputError, match="reconcile/live does not run by itself"):
        prefect.reconcile([staging, production])


def test_automations_that_are_behind_their_file_are_named(
    fake: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.answers["POST /automations/filter"] = lambda _: (200, [])
    with pytest.raises(InputError, match=r"Crash runs whose heartbeat is missing; .*`spotkiln aut"):
        prefect.applied()
    assert "POST /automations/" not in {name for name, _ in fake.asked}

    def look(_: Path) -> list[Applied]:
        return [
            Applied(name="a", done=Done.UNCHANGED),
            Applied(name="b", done=Done.LEFT_OUT, why="no block x/y"),
        ]

    monkeypatch.setattr("spotkiln.cli.automations.look", look)
    assert prefect.applied() == "1 applied; b is left out: no block x/y"


# -- this machine --


def says(text: str) -> Callable[..., Finished]:
    return lambda *_, **__: Finished(code=0, output=text.encode(), errors=b"")


def test_packers_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    assert packer.require_amazon("/usr/bin/packer", (1, 6, 6)) == "a part of it"
    listed = "/root/.config/packer/plugins/github.com/hashicorp/amazon/packer-plugin-amazon_v1.3.3"
    monkeypatch.setattr(packer, "run", says(f"{listed}\n"))
    assert packer.require_amazon("/usr/bin/packer", (1, 11, 2)) == listed
    monkeypatch.setattr(packer, "run", says(""))
    with pytest.raises(InputError, match=r"init \S+/packer/plugins\.pkr\.hcl` gets it"):
        packer.require_amazon("/usr/bin/packer", (1, 11, 2))


def test_session_managers_plugin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="no session-manager-plugin on PATH"):
        application.session_manager()
    file = tmp_path / "session-manager-plugin"
    file.write_text("#!/bin/sh\n")
    file.chmod(0o755)
    assert application.session_manager() == str(file)


def there(fake: FakeApi, name: str) -> None:
    """A Secret block of this name."""
    block = {
        "id": str(UUID(int=9)), "name": name, "data": {"value": "a-token-of-nobody"},
        "block_schema_id": str(UUID(int=9)), "block_type_id": str(UUID(int=9)),
        "is_anonymous": False,
    }  # fmt: skip
    path = f"GET /block_types/slug/secret/block_documents/name/{name}"
    fake.answers[path] = lambda _: (200, block)


def test_it_says_what_hooks_there_are_and_misses_their_secret(fake: FakeApi) -> None:
    asked = ReleaseSpec.model_validate(
        {
            "app": {"repository": "x"},
            "hooks": {
                "secret": "hooks",
                "after_step": {"url": "https://hooks.example.com/secret-path"},
                "before_launch": {"command": "npm run announce"},
            },
        }
    )

    def hooks() -> Check:
        return check("release/shop", "hooks", lambda: application.hooks(asked))

    missing = hooks()
    assert not missing.ok and "hooks" in missing.detail
    there(fake, "hooks")
    assert hooks().detail == "before launch: a command, after step: hooks.example.com"


def test_it_says_which_host_is_told_and_misses_its_secret(fake: FakeApi) -> None:
    def on_commit(repository: str) -> Check:
        asked = ReleaseSpec.model_validate(
            {"app": {"repository": repository}, "on_commit": {"secret": "github-token"}}
        )
        return check("release/shop", "on the commit", lambda: application.on_commit(asked))

    missing = on_commit("git@github.com:team/shop.git")
    assert not missing.ok
    assert "github-token" in missing.detail
    there(fake, "github-token")
    found = on_commit("git@github.com:team/shop.git")
    assert (found.ok, found.detail) == (True, "team/shop at https://api.github.com (github)")
    assert not on_commit("https://git.example.com/team/shop").ok


@pytest.mark.parametrize(
    ("arn", "expected"),
    [
        (
            "arn:aws:sts::123456789012:assumed-role/spotkiln-worker/i-0123abcd",
            "account 123456789012, role spotkiln-worker (session i-0123abcd)",
        ),
        ("arn:aws:iam::123456789012:user/team/alice", "account 123456789012, user team/alice"),
        ("arn:aws-cn:iam::123456789012:root", "account 123456789012, root"),
    ],
)
def test_it_says_whose_credentials_it_has(arn: str, expected: str) -> None:
    assert application.as_whom(arn) == expected
