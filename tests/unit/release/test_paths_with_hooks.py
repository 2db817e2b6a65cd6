"""The ways through a release and a rollback that call hooks, and what their failures mean."""

import asyncio

import pytest

from spotkiln.bake.errand import Errand
from spotkiln.errors import GateFailed, InfrastructureError, InputError
from spotkiln.flows import rollback as rollback_flow
from spotkiln.prefect_api import secret
from spotkiln.release.hook import Hook, Hooks, Message, Moment
from spotkiln.tasks.release import hooks
from tests.unit import nouns
from tests.unit.release.books import NEW
from tests.unit.release.paths import LAUNCH, UNDO, World, result_of

URL = Hook(url="https://hooks.example.com/secret-path")
ALL = Hooks(
    secret="hooks",
    before_launch=URL,
    after_step=URL,
    after_promotion=URL,
    after_rollback=URL,
)


class Told:
    """What hooks were called with; `why` is their answer, by moment."""

    def __init__(self, world: World, patch: pytest.MonkeyPatch) -> None:
        self.messages: list[Message] = []
        self.errands: list[Errand] = []
        self.why: dict[Moment, str] = {}
        self.secret = "word"
        self._world = world
        # Prefect itself is away; what is asked of it goes its own way.
        patch.setattr(hooks, "ask", lambda operation, name: asyncio.run(operation(None, name)))
        patch.setattr(secret, "read", self._read)
        patch.setattr(hooks, "call_webhook", self._webhook)
        patch.setattr(hooks, "call_command", self._command)

    async def _read(self, _api: object, name: str) -> str:
        assert name == "hooks"
        return self.secret

    def _webhook(self, hook: Hook, named: str, message: Message) -> str:
        assert (hook, named) == (URL, "hooks")
        self._world.taken.append(f"hook {message.moment}")
        self.messages.append(message)
        return self.why.get(message.moment, "")

    def _command(self, errand: Errand) -> tuple[str, str]:
        self._world.taken.append("hook command")
        self.errands.append(errand)
        return "it ended with exit status 1", "got 500"


@pytest.fixture
def told(world: World, monkeypatch: pytest.MonkeyPatch) -> Told:
    return Told(world, monkeypatch)


def test_a_release_calls_them_in_their_order(world: World, told: Told) -> None:
    made = world.release(hooks=ALL)
    assert made.outcome == "released"
    assert [one.moment for one in told.messages] == [Moment.BEFORE_LAUNCH, Moment.AFTER_PROMOTION]
    taken = world.taken
    assert taken.index("hook before launch") == taken.index("launch") - 1
    assert taken[taken.index("promote") + 1] == "hook after promotion"
    first = told.messages[0]
    assert (first.app, first.image, first.target_group) == ("demo-web-app", "ami-9", "website")
    assert first.release == made.id


def test_one_that_fails_before_the_launch_ends_the_release(world: World, told: Told) -> None:
    told.why = {Moment.BEFORE_LAUNCH: "hooks.example.com answered 503"}
    made = world.fails(GateFailed, hooks=ALL)
    assert made.cause == (
        "the hook before launch failed, so nothing was launched: hooks.example.com answered 503"
    )
    assert "launch" not in world.taken
    # Nothing was rolled back.
    assert "hook after rollback" not in world.taken


def test_after_a_rollback_of_new_servers_it_is_called_last(world: World, told: Told) -> None:
    world.answers["gate"] = GateFailed("unhealthy", "load balancer")
    made = world.fails(GateFailed, hooks=ALL)
    assert made.fleet == NEW
    taken = world.taken
    assert taken.index("hook after rollback") > taken.index(UNDO[0])


@pytest.mark.parametrize("moment", [Moment.AFTER_PROMOTION, Moment.AFTER_ROLLBACK])
def test_later_failures_change_nothing(world: World, told: Told, moment: Moment) -> None:
    told.why = {moment: "hooks.example.com does not answer"}
    if moment is Moment.AFTER_ROLLBACK:
        world.answers["gate"] = GateFailed("unhealthy", "load balancer")
        assert world.fails(GateFailed, hooks=ALL).cause == "unhealthy"
    else:
        assert world.release(hooks=ALL).outcome == "released"


def test_a_command_has_a_machine_as_servers_are(world: World, told: Told) -> None:
    asked = Hooks(before_launch=Hook(command="npm run hook", seconds=60))
    made = world.fails(GateFailed, hooks=asked)
    assert made.last_lines == "got 500"
    (errand,) = told.errands
    assert errand.script.endswith("\nnpm run hook\n")
    assert "SPOTKILN_MOMENT='before launch'" in errand.script
    assert (errand.seconds, errand.tags["spotkiln:role"]) == (60, "hook")
    assert (errand.image, errand.owner) == ("ami-9", made.id)


def test_an_error_on_the_way_is_a_failure_as_well(
    world: World, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no(*_: object) -> str:
        raise InfrastructureError("Prefect does not answer")

    monkeypatch.setattr(hooks, "call_webhook", no)
    made = world.fails(GateFailed, hooks=ALL)
    assert made.cause.endswith("so nothing was launched: Prefect does not answer")


def test_no_error_at_all_undoes_what_was_promoted(
    world: World, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> str:
        raise ValueError("word is no secret any more")

    monkeypatch.setattr(hooks, "call_webhook", broken)
    made = world.release(hooks=ALL.model_copy(update={"before_launch": Hook()}))
    assert made.outcome == "released"
    world.published.clear()
    assert world.fails(GateFailed, hooks=ALL).cause.endswith("was launched: ValueError")


def test_a_secret_that_is_empty_is_told_before_anything_is_spent(world: World, told: Told) -> None:
    told.secret = ""
    with pytest.raises(InputError, match="the Secret block hooks is empty"):
        world.release(hooks=ALL)
    assert "bake" not in world.taken


def test_nothing_stands_between_a_person_and_a_rollback(world: World, told: Told) -> None:
    told.why = {Moment.BEFORE_LAUNCH: "no"}
    told.secret = ""
    made = result_of(rollback_flow.rollback.fn(app=nouns.app(), hooks=ALL))
    assert made.outcome == "released"
    assert [one.moment for one in told.messages] == [Moment.BEFORE_LAUNCH, Moment.AFTER_PROMOTION]


def test_without_hooks_nobody_is_asked(world: World, told: Told) -> None:
    told.secret = ""
    world.release()
    assert told.messages == []
    taken = world.taken
    assert taken[taken.index("launch") : taken.index("promote") + 1] == LAUNCH
