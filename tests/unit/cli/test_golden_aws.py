"""What the commands that read AWS show of what they find, byte for byte, in a pipe and in a
terminal. The files in `golden/` have what is expected; test_golden.py says how they are written.
"""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from spotkiln.aws.bake import infra as aws_infra
from spotkiln.aws.keep import versions as aws_versions
from spotkiln.bake.changes import Changes, Commit, Dependency
from spotkiln.cli import base, diff, report
from spotkiln.cli import plan as planning
from spotkiln.cli import preview as previews
from spotkiln.cli import status as seeing
from spotkiln.cli.diff import Difference
from spotkiln.cli.doctor import examine as doctor
from spotkiln.cli.doctor.check import Check
from spotkiln.cli.main import main
from spotkiln.keep.versions import Version
from spotkiln.show.figures import Figures
from spotkiln.target import Health
from tests.unit import nouns
from tests.unit.cli.terminal import in_a_pipe_here, in_a_terminal_here
from tests.unit.prefect_api import answers
from tests.unit.prefect_api.conftest import FakeApi
from tests.unit.release.test_plan import again, plan

GOLDEN = Path(__file__).parent / "golden"
FLEET, OLD = "sfr-73fbd2ce-aa30-494c-8788-1cee4EXAMPLE", "sfr-0b5c8a61-52f1-4b9e-9f3c-77aaEXAMPLE"
IMAGE, OTHER = "ami-0123456789abcdef0", "ami-0fedcba9876543210"
FIRST, SECOND, THIRD = (f"i-0{n}23456789abcdef0" for n in range(3))
RUN = "9c1f6a52-7d2e-4f57-a5a8-1d4f4f0e8f11"

NOTHING = seeing.Status(app="shop", region="eu-west-1", target_group="website")
WELL = NOTHING.model_copy(
    update={
        "fleet": FLEET, "release": "shop-1cee4c0ffee0", "image": IMAGE, "commit": nouns.COMMIT,
        "since": nouns.START, "capacity": 2,
        "servers": tuple(nouns.server(one, fleet=FLEET) for one in (FIRST, SECOND)),
    }
)  # fmt: skip
SICK = WELL.model_copy(
    update={
        "held": ("3f2a91c0ffee", "77aa91c0ffee"),
        "suspect": "2024-05-01 11:00 UTC in website: 2 of 2 answered 500",
        "servers": (
            WELL.servers[0],
            nouns.server(
                SECOND, fleet=FLEET, health=Health.UNHEALTHY,
                reason="Health checks failed with these codes: [500]", zone="eu-west-1b",
            ),
            nouns.server(THIRD, fleet=OLD, health=Health.DRAINING, type="m5a.2xlarge", spot=False),
        ),
        "turns": (
            seeing.Turn(
                release="shop-77aac0ffee00", run=RUN, holds=True, stage="launched",
                since=nouns.START,
            ),
        ),
    }
)  # fmt: skip
VERSIONS = [
    Version(image=IMAGE, commit=nouns.COMMIT, released=nouns.START, serving=True),
    Version(
        image=OTHER, commit="3f2a91c0ffee" * 3, released=nouns.START - timedelta(days=3),
        until=nouns.START, left=True,
        suspect="2024-04-28 11:00 UTC in website: 2 of 2 answered 500",
    ),
]  # fmt: skip
CHANGES = Changes(
    since="3f2a91c0ffee" * 3,
    commits=(Commit(commit=nouns.COMMIT, subject="Say hello to whoever comes"),),
    dependencies=(Dependency(name="rails", before="7.1.2", now="7.1.3", file="Gemfile.lock"),),
)
CHECKS = [
    Check(about="this machine", name="Packer", ok=True, detail="/usr/bin/packer, 1.11.2"),
    Check(
        about="Prefect", name="automations", ok=False,
        detail="not as automations.yaml has them: Tell of what failed; `spotkiln automations`",
    ),
    Check(about="all applications", name="region", ok=True, detail="eu-west-1"),
    Check(
        about="release/shop, release/shop-staging", name="key pair", ok=False,
        detail="no key pair 'demo' in eu-west-1; there are: admin. Create it or name another",
    ),
]  # fmt: skip
LINES = [
    base.Line(
        name="rails-base", deployment="nightly/nightly", source="debian-13-amd64-*", image=IMAGE,
        made=nouns.START, has={"ruby": "3.3", "node": "20.19"}, applications=("shop",),
    ),
    base.Line(name="python", deployment="nightly/python", source="debian-13-amd64-*"),
]  # fmt: skip

FIGURES = [
    Figures(
        name="shop", days=30, until=nouns.START, releases=12, stopped=2, failed=1, rollbacks=1,
        lead_seconds=5400.0, restored_seconds=95.0, saved_usd=41.2, saved_since=nouns.START,
    ),
    Figures(name="shop-staging", days=30, until=nouns.START),
]  # fmt: skip
DIFFERENCE = Difference(
    before=VERSIONS[1], now=VERSIONS[0], changes=CHANGES,
    packages=(Dependency(name="openssl", before="3.0.14", now="3.0.15", file=""),),
)  # fmt: skip
PREVIEWS = [
    previews.Shown(
        app="shop", branch="feature/login", host="feature-login.preview.example.com",
        commit=nouns.COMMIT, state="serves", until=nouns.START + timedelta(hours=72),
        target_group="preview-shop-0aeacfb7",
    ),
    previews.Shown(
        app="shop", branch="typo", host="typo.preview.example.com", commit="", state="is made",
        until=nouns.START, target_group="preview-shop-1beacfb8",
    ),
]  # fmt: skip

CASES: dict[str, tuple[tuple[str, ...], Any]] = {
    "diff": (("diff", "shop"), DIFFERENCE),
    "report": (("report",), FIGURES),
    "previews": (("preview", "list"), PREVIEWS),
    "previews-none": (("preview", "list"), []),
    "status-nothing": (("status", "shop"), NOTHING),
    "status-well": (("status", "shop"), WELL),
    "status-sick": (("status", "shop"), SICK),
    "versions": (("versions", "shop"), VERSIONS),
    "versions-none": (("versions", "shop"), []),
    "plan-new": (("plan", "shop"), plan(changes=CHANGES)),
    "plan-unchanged": (("plan", "shop"), plan(found=again("ami-1"), unchanged=True)),
    "doctor": (("doctor",), CHECKS),
    "base": (("base",), LINES),
}


@pytest.fixture
def account(fake: FakeApi, monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """What is found in AWS from now on. Prefect has the application."""
    app = {"name": "shop", "repository": "/srv/git/shop"}
    shop = answers.deployment("shop", parameters={"app": app})
    fake.answers["GET /deployments/name/release/shop"] = lambda _: (200, shop)

    def has(found: Any) -> None:
        for module, name in (
            (diff, "look"), (report, "look"), (previews, "look"),
            (seeing, "look"), (planning, "look"), (doctor, "examine"), (base, "look"),
            (aws_versions, "list_versions"),
        ):  # fmt: skip
            monkeypatch.setattr(module, name, lambda *_: found)
        monkeypatch.setattr(aws_infra, "target_group", lambda *_: nouns.target_group())
        monkeypatch.setattr("spotkiln.aws.session.connect", lambda _: None)
        monkeypatch.setattr("spotkiln.aws.session.resolve_region", lambda _: "eu-west-1")

    return has


@pytest.mark.parametrize("look", [in_a_pipe_here, in_a_terminal_here])
@pytest.mark.parametrize("case", CASES)
def test_it_shows_what_it_showed(
    account: Callable[[Any], None], case: str, look: Callable[[Callable[[], int]], str]
) -> None:
    typed, found = CASES[case]
    account(found)
    shown = look(lambda: main(typed))
    where = "pipe" if look is in_a_pipe_here else "terminal"
    file = GOLDEN / f"{case}.{where}"
    if os.environ.get("GOLDEN") == "write":
        file.write_text(shown)
    assert shown == file.read_text()
