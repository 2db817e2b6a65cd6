"""`spotkiln retire`: asked twice on a terminal, and said twice in a pipe."""

import json
from collections.abc import Callable
from uuid import UUID

import pytest

from spotkiln.cli import retire as retiring
from spotkiln.cli import runs
from spotkiln.cli.main import main
from spotkiln.cli.retire import Consent, Previews, agree, what_goes
from spotkiln.cli.status import Status
from spotkiln.errors import InfrastructureError, InputError
from spotkiln.keep.takedown import Old
from spotkiln.release.release import ReleaseSpec
from tests.unit import nouns
from tests.unit.prefect_api import answers
from tests.unit.prefect_api.conftest import FakeApi

RUN, ITS = UUID(int=7), UUID(int=9)
START = f"POST /deployments/{ITS}/create_flow_run"
SPEC = ReleaseSpec(app=nouns.app(name="shop"))


def says(*given: str) -> Callable[[str], str]:
    left = list(given)
    return lambda _: left.pop(0)


@pytest.mark.parametrize(
    ("consent", "given"),
    [
        (Consent(), ("discard", "y", "shop")),
        (Consent(), ("Discard", "YES", " shop ")),
        (Consent(versions=Old.DISCARD), ("y", "shop")),
        (Consent(yes="shop"), ("discard",)),
        (Consent(yes="shop", versions=Old.DISCARD), ()),
    ],
)
def test_it_is_asked_twice_on_a_terminal(consent: Consent, given: tuple[str, ...]) -> None:
    assert agree("shop", "there will go ...", consent, says(*given)) is Old.DISCARD


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("",), "expected keep or discard"),
        (("keep", ""), "nothing was changed"),
        (("keep", "n"), "nothing was changed"),
        (("keep", "y", "shpo"), "that is not its name"),
    ],
)
def test_any_other_answer_changes_nothing(given: tuple[str, ...], said: str) -> None:
    with pytest.raises(InputError, match=said):
        agree("shop", "there will go ...", Consent(), says(*given))


@pytest.mark.parametrize(
    "consent", [Consent(), Consent(versions=Old.KEEP), Consent(yes="shop"), Consent(yes="shpo")]
)
def test_in_a_pipe_both_are_said(consent: Consent) -> None:
    with pytest.raises(InputError, match="--yes"):
        agree("shop", "", consent, None)
    assert agree("shop", "", Consent(versions=Old.KEEP, yes="shop"), None) is Old.KEEP


def test_what_goes_is_told_first() -> None:
    status = Status(
        app="shop", region="eu-west-1", target_group="website", fleet="sfr-1", capacity=2,
        servers=(nouns.server("i-1", fleet="sfr-1"), nouns.server("i-2", fleet="sfr-1")),
    )  # fmt: skip
    assert "2 servers of target group website (sfr-1), the last ones" in what_goes(
        "shop", SPEC, status
    )
    beside = status.model_copy(update={"servers": (*status.servers, nouns.server("i-9"))})
    assert "1 others go on serving" in what_goes("shop", SPEC, beside)
    assert "cannot tell" in what_goes("shop", SPEC, None)
    nothing = status.model_copy(update={"fleet": "", "servers": ()})
    assert "nothing: no server of shop serves" in what_goes("shop", SPEC, nothing)


def test_previews_that_go_are_told_too() -> None:
    assert "preview" not in what_goes("shop", SPEC, None)
    there = Previews(deployments=("preview/shop",), hosts=("a.example.com", "b.example.com"))
    told = what_goes("shop", SPEC, None, there).splitlines()
    assert told[2] == "  previews: a.example.com, b.example.com"
    assert told[3].startswith("  deployments: release/shop, rollback/shop, preview/shop, with ")
    unknown = what_goes("shop", SPEC, None, Previews(hosts=None))
    assert "  previews: all there are (this terminal cannot tell which)" in unknown
    assert "  previews: none is there" in what_goes("shop", SPEC, None, Previews())


@pytest.fixture
def prefect(fake: FakeApi, monkeypatch: pytest.MonkeyPatch) -> FakeApi:
    """release/shop is deployed, and retire/application. This terminal may not read AWS."""

    def denied(_: str) -> str:
        raise InfrastructureError("no region")

    monkeypatch.setattr(retiring, "resolve_region", denied)
    monkeypatch.setattr(runs, "getuser", lambda: "ada")
    app = {"name": "shop", "repository": "/srv/git/shop"}
    shop = answers.deployment("shop", parameters={"app": app})
    fake.answers["GET /deployments/name/release/shop"] = lambda _: (200, shop)
    its = {**answers.deployment("application"), "id": str(ITS)}
    of = {"release": [shop], "retire": [its]}
    fake.answers["POST /deployments/filter"] = lambda asked: (
        200, of.get(asked["flows"]["name"]["any_"][0], []),
    )  # fmt: skip
    fake.answers[START] = lambda _: (200, answers.run(RUN, "SCHEDULED"))
    return fake


def test_its_run_gets_all_that_it_needs(
    prefect: FakeApi, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(
        ["retire", "release/shop", "--yes", "shop", "--versions", "keep", "--no-follow", "--json"]
    )
    assert code == 0
    assert json.loads(capsys.readouterr().out)["run"] == str(RUN)
    (asked,) = prefect.bodies(START)
    assert asked["parameters"] == {
        "deployment": "shop",
        "app": "shop",
        "versions": "keep",
        "confirm": "shop",
        "target_group": "website",
        "region": "",
        "last_servers": True,
    }


@pytest.mark.parametrize(
    "typed",
    [
        ("shop",),
        ("shop", "--yes", "shop"),
        ("shop", "--versions", "keep"),
        ("shop", "--yes", "other", "--versions", "keep"),
        ("shop", "--yes", "shop", "--versions", "some"),
        ("nobody", "--yes", "nobody", "--versions", "keep"),
    ],
)
def test_otherwise_nothing_is_started(
    prefect: FakeApi, typed: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    assert main(["retire", *typed]) == 2
    assert not prefect.bodies(START)
