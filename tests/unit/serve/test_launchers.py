"""Several launchers as one: each fleet is dealt with by the launcher that keeps it."""

from collections.abc import Iterable, Mapping

import pytest

from spotkiln import tags as t
from spotkiln.aws.serve.launchers import Launchers
from spotkiln.bake.infra import Infra
from spotkiln.bake.infra_names import InfraNames
from spotkiln.errors import InfrastructureError
from spotkiln.serve.fleet import Fleet, Phase
from spotkiln.serve.launcher import NONE, Note, Part
from spotkiln.serve.order import Order
from spotkiln.serve.problem import Problem
from spotkiln.serve.spec import FleetSpec, LauncherKind
from spotkiln.statement import Statement
from spotkiln.target import Instance
from tests.unit import nouns
from tests.unit.nouns import START

TEMPLATE = Part(kind="launch-template", id="lt-1", ours=True)


class Shelf:
    """A launcher that keeps what it is given, and notes what it is told to do."""

    late_seconds = 0.0
    service_role = "aws-service-role/crews.example.com/Crews"
    stop_call = "Stop"
    statements: tuple[Statement, ...] = ()
    role_statements: tuple[Statement, ...] = ()

    def __init__(
        self,
        name: str,
        *fleets: str,
        part: str = "",
        parts: Iterable[Part] = (),
        kind: LauncherKind = LauncherKind.GROUP,
    ) -> None:
        self.kind = kind
        self.name, self.resource, self.part = name, name.lower(), part
        self.fleets = [nouns.fleet(one, launcher=name) for one in fleets]
        self.kept = list(parts)
        self.done: list[str] = []

    def role(self, names: InfraNames) -> str:
        return names.fleet_role

    def check(self, infra: Infra, spec: FleetSpec) -> None:
        del infra, spec

    def launch(self, order: Order, note: Note) -> Fleet:
        del order, note
        return self.fleets[0]

    def listing(self, tags: Mapping[str, str] = NONE) -> list[Fleet]:
        self.done += [f"listing {key}={value}" for key, value in tags.items()]
        return self.fleets

    def find(self, fleet: str) -> Fleet | None:
        return next((one for one in self.fleets if one.id == fleet), None)

    def members(self, fleet: str, enough: int | None = None) -> list[Instance]:
        return [nouns.instance(f"i-{self.name}-{enough}", fleet=fleet)]

    def fleet_of(self, instance: Instance) -> str:
        return instance.tags.get(f"aws:{self.name}", "")

    def problems(self, fleet: str) -> list[Problem]:
        return [Problem(text=fleet)]

    def history(self, fleet: str) -> list[str]:
        return [fleet]

    def mark(self, fleet: str, tags: Mapping[str, str]) -> None:
        self.done.append(f"mark {fleet} {dict(tags)}")

    def resize(self, fleet: str, capacity: int) -> None:
        self.done.append(f"resize {fleet} {capacity}")

    def enlarge(self, fleet: str, order: Order, capacity: int) -> None:
        self.done.append(f"enlarge {fleet} {order.release} {capacity}")

    def suspend_scaling(self, fleet: Fleet, release: str) -> None:
        self.done.append(f"suspend {fleet.id} {release}")

    def resume_scaling(self, fleet: Fleet) -> None:
        self.done.append(f"resume {fleet.id}")

    def end_scaling(self, fleet: Fleet) -> None:
        self.done.append(f"end scaling {fleet.id}")

    def stop_replacing(self, fleets: Iterable[str]) -> None:
        self.done.append(f"stop {' '.join(fleets)}")

    def remove(self, fleet: Fleet) -> None:
        self.done.append(f"remove {fleet.id}")

    def parts(self, release: str = "") -> list[Part]:
        return [one for one in self.kept if release in {"", one.release}]

    def has_part(self, part: str) -> bool:
        return part in {one.id for one in self.kept}

    def remove_part(self, part: str) -> None:
        self.done.append(f"remove part {part}")


def test_the_one_that_is_asked_for_launches_and_all_are_listed() -> None:
    new, old = Shelf("New", "n-1"), Shelf("Old", "o-1", "o-2", kind=LauncherKind.FLEET)
    each = Launchers([new, old])
    assert each.for_spec(FleetSpec()) is old
    wanted = FleetSpec(launcher=LauncherKind.GROUP)
    assert each.for_spec(wanted) is new
    order = Order(
        wanted=wanted,
        asked=wanted,
        image=nouns.image(),
        infra=nouns.infra(),
        tags=nouns.TAGS,
    )
    assert each.launch(order, lambda *_: None).id == "n-1"
    assert [one.id for one in each.listing()] == ["n-1", "o-1", "o-2"]
    assert [one.id for one in each.of_release(nouns.RELEASE)] == ["n-1", "o-1", "o-2"]
    assert each.of_release("another") == []
    found = each.find("o-2")
    assert found is not None
    assert found.launcher == "Old"
    assert each.find("o-3") is None


def test_each_is_asked_for_one_target_groups_alone() -> None:
    each = [Shelf("New", "n-1"), Shelf("Old", "o-1")]
    assert [one.id for one in Launchers(each).at("website")] == ["n-1", "o-1"]
    assert [one.done for one in each] == [["listing spotkiln:target-group=website"]] * 2
    Launchers(each).of_release("shop-1")
    assert each[0].done[1:] == ["listing spotkiln:release=shop-1"]


def test_each_fleet_is_its_own_launchers() -> None:
    new, old = Shelf("New", "n-1"), Shelf("Old", "o-1", "o-2")
    each = Launchers([new, old])
    n1, o1, o2 = each.listing()
    assert [one.id for one in each.members(o1, 2)] == ["i-Old-2"]
    each.set_phase(o1, Phase.RETIRING)
    each.mark(n1, {"a": "b"})
    each.stop_replacing([o1, n1, o2])
    assert new.done == ["mark n-1 {'a': 'b'}", "stop n-1"]
    # One call for all that it keeps.
    assert old.done == ["mark o-1 {'spotkiln:phase': 'retiring'}", "stop o-1 o-2"]
    each.stop_replacing([])
    assert len(old.done) == 2


def test_a_promotion_is_one_mark() -> None:
    shelf = Shelf("New", "n-1")
    marks = Launchers([shelf]).promote(shelf.fleets[0], START)
    assert marks == {t.PHASE: "serving", t.PROMOTED: "2024-05-01T12:00:00.000+00:00"}
    assert shelf.done == [f"mark n-1 {marks}"]


def test_a_fleet_of_an_unknown_launcher_is_nobodys() -> None:
    stranger = nouns.fleet("x-1", launcher="Later")
    with pytest.raises(InfrastructureError, match=r"x-1 is kept by 'Later'.* are New, Old"):
        Launchers([Shelf("New"), Shelf("Old")]).of(stranger)


def test_a_launchers_mark_tells_whose_an_instance_is() -> None:
    each = Launchers([Shelf("New"), Shelf("Old")])
    marked, known, nobodys = each.claimed(
        [
            nouns.instance("i-1", tags={"aws:Old": "o-1"}),
            nouns.instance("i-2", fleet="n-1", tags={"aws:Old": "o-1"}),
            nouns.instance("i-3", tags={t.RELEASE: "r"}),
        ]
    )
    assert (marked.fleet, marked.launcher) == ("o-1", "Old")
    assert (known.fleet, known.launcher) == ("n-1", "")
    assert (nobodys.fleet, nobodys.launcher) == ("", "")


def test_parts_that_launchers_share_are_told_and_removed_once() -> None:
    first = Shelf("New", part="launch-template", parts=[TEMPLATE])
    second = Shelf("Old", part="launch-template", parts=[TEMPLATE])
    each = Launchers([Shelf("Without"), first, second])
    assert each.parts() == [TEMPLATE]
    assert each.kinds_of_parts == ["launch-template"]
    assert each.has_part("launch-template", "lt-1")
    assert not each.has_part("launch-template", "lt-2")
    assert not each.has_part("something else", "lt-1")
    each.remove_part("launch-template", "lt-1")
    assert (first.done, second.done) == (["remove part lt-1"], [])


def test_scaling_is_its_launcher_s_matter_and_only_of_what_is_scaled() -> None:
    new, old = Shelf("New", "n-1"), Shelf("Old", "o-1", kind=LauncherKind.FLEET)
    each = Launchers([new, old])
    [plain], [bare] = new.fleets, old.fleets
    scaled = bare.model_copy(update={"tags": {**bare.tags, t.SCALING: "suspended r"}})
    assert each.resize(plain, 4).capacity == 4
    each.suspend_scaling([plain, scaled], "r")
    each.resume_scaling([plain, scaled])
    each.end_scaling([plain, scaled])
    assert new.done == ["resize n-1 4"]
    assert old.done == ["suspend o-1 r", "resume o-1", "end scaling o-1"]
