"""Releases in an account that is only a model: they go on, are killed at any step, and whatever
they were at, reconciling leaves exactly what somebody owns."""

from datetime import timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from spotkiln import tags as t
from spotkiln.fleet import Fleet, Phase
from spotkiln.image import Image, ImageState, image_name
from spotkiln.reconcile import Facts, Owned, Snapshot, decide, within
from spotkiln.target import Instance
from tests.unit.nouns import GROUP, OTHER_GROUP, START
from tests.unit.test_reconcile_properties import apply

NAMES = {GROUP: "website", OTHER_GROUP: "other"}
ROUNDS = 4


class Account(RuleBasedStateMachine):
    """`step` says how far each living release is; the steps are those of flows/release.py."""

    def __init__(self) -> None:
        super().__init__()
        self.facts = Facts()
        self.step: dict[str, int] = {}
        self.group: dict[str, str] = {}
        self.serving: dict[str, str] = {}
        self.foreign: list[str] = []
        self.count = 0

    # -- the model of an account --

    def put(self, kind: str, *new: Any) -> None:
        """Add, or replace by id."""
        names = {one.id for one in new}
        kept = [one for one in getattr(self.facts, kind) if one.id not in names]
        self.facts = self.facts.model_copy(update={kind: (*kept, *new)})

    def drop(self, kind: str, *names: str) -> None:
        kept = tuple(one for one in getattr(self.facts, kind) if one.id not in names)
        self.facts = self.facts.model_copy(update={kind: kept})

    def get(self, kind: str, name: str) -> Any:
        return next(one for one in getattr(self.facts, kind) if one.id == name)

    def tags(self, release: str) -> dict[str, str]:
        return t.release_tags(
            app="app",
            release=release,
            run="run",
            commit="0123456789ab",
            target_group=NAMES[self.group[release]],
        )

    def reconcile(self, only: str = "") -> None:
        for _ in range(ROUNDS):
            facts = self.facts.model_copy(update={"living": frozenset(self.step)})
            actions = decide(within(facts, only) if only else facts)
            if not actions:
                return
            self.facts = apply(self.facts, actions)
        raise AssertionError(f"it does not come to rest: {actions}")

    # -- the steps of a release --

    def _builder(self, release: str) -> None:
        self.put("security_groups", Owned(id=f"sg-{release}", release=release))
        self.put("key_pairs", Owned(id=f"key-{release}", release=release))
        self.put(
            "instances", Instance(id=f"i-b-{release}", state="running", tags=self.tags(release))
        )

    def _image(self, release: str) -> None:
        """Not tagged yet: only its name tells whose it is."""
        image = f"ami-{release}"
        self.put("snapshots", Snapshot(id=f"snap-{release}", image=image))
        self.put(
            "images",
            Image(
                id=image,
                name=image_name("app", "0123456789ab", release),
                region="eu-west-1",
                created=START,
                available=True,
                snapshots=(f"snap-{release}",),
            ),
        )

    def _mark(self, release: str, **marks: str) -> None:
        image = self.get("images", f"ami-{release}")
        self.put("images", image.with_tags(**{**self.tags(release), **marks}))

    def _tag(self, release: str) -> None:
        self._mark(release, **{t.STATE: ImageState.CANDIDATE})
        self.drop("instances", f"i-b-{release}")

    def _test(self, release: str) -> None:
        self._mark(release, **{t.STATE: ImageState.TESTED})
        self.drop("security_groups", f"sg-{release}")
        self.drop("key_pairs", f"key-{release}")

    def _template(self, release: str) -> None:
        self.put("templates", Owned(id=f"lt-{release}", release=release))

    def _fleet(self, release: str, phase: Phase = Phase.PENDING) -> None:
        fleet = Fleet(
            id=f"sfr-{release}",
            state="active",
            capacity=2,
            created=START + timedelta(minutes=self.count),
            target_groups=(self.group[release],),
            launch_templates=(f"lt-{release}",),
            tags={**self.tags(release), t.PHASE: phase, t.IMAGE: f"ami-{release}"},
        )
        self.put("fleets", fleet)
        for number in range(2):
            self._instance(release, f"i-{number}-{release}")

    def _instance(self, release: str, name: str) -> None:
        self.put(
            "instances",
            Instance(id=name, state="running", fleet=f"sfr-{release}", tags=self.tags(release)),
        )

    def _promote(self, release: str) -> None:
        self._fleet(release, Phase.SERVING)
        self.serving[self.group[release]] = f"sfr-{release}"

    def _replaced(self, release: str) -> list[Fleet]:
        return [
            one
            for one in self.facts.fleets
            if one.id != f"sfr-{release}"
            and one.target_groups == (self.group[release],)
            and one.phase in {Phase.SERVING, Phase.RETIRING}
            and not one.gone
        ]

    def _announce(self, release: str) -> None:
        for one in self._replaced(release):
            self.put("fleets", one.model_copy(update={"tags": {**one.tags, t.PHASE: "retiring"}}))

    def _cancel(self, release: str) -> None:
        for one in self._replaced(release):
            self.put("fleets", one.model_copy(update={"state": "cancelled_running"}))

    def _terminate(self, release: str) -> None:
        for fleet in self._replaced(release):
            mine = [one.id for one in self.facts.instances if one.fleet == fleet.id]
            self.drop("instances", *mine)
            self.put("fleets", fleet.model_copy(update={"state": "cancelled"}))
            self.drop("templates", *fleet.launch_templates)

    def _mark_released(self, release: str) -> None:
        self._mark(release, **{t.STATE: ImageState.TESTED, t.RELEASED: "2024-04-01"})

    def _end(self, release: str) -> None:
        del self.step[release]

    @property
    def steps(self) -> list[Any]:
        return [
            self._builder, self._image, self._tag, self._test, self._template, self._fleet,
            self._promote, self._mark_released, self._announce, self._cancel, self._terminate,
            self._end,
        ]  # fmt: skip

    # -- what happens --

    @rule(group=st.sampled_from([GROUP, OTHER_GROUP]))
    def start(self, group: str) -> None:
        """Nobody else lives in its target group, and it begins by settling that."""
        if any(self.group[one] == group for one in self.step):
            return
        self.count += 1
        release = f"app-{self.count:012x}"
        self.group[release] = group
        self.step[release] = 0
        self.reconcile(only=NAMES[group])

    @precondition(lambda self: self.step)
    @rule(data=st.data(), times=st.integers(1, 12))
    def go_on(self, data: st.DataObject, times: int) -> None:
        release = data.draw(st.sampled_from(sorted(self.step)))
        for _ in range(times):
            if release in self.step:
                do = self.steps[self.step[release]]
                self.step[release] += 1
                do(release)

    @precondition(lambda self: self.step)
    @rule(data=st.data())
    def kill(self, data: st.DataObject) -> None:
        del self.step[data.draw(st.sampled_from(sorted(self.step)))]

    @rule(data=st.data())
    def launch_late(self, data: st.DataObject) -> None:
        """A fleet that was cancelled before it was complete can still launch."""
        gone = [one.release for one in self.facts.fleets if one.gone and one.phase != "serving"]
        if gone:
            self.count += 1
            self._instance(data.draw(st.sampled_from(gone)), f"i-late-{self.count}")

    @rule()
    def somebody_elses(self) -> None:
        """Without our tags: a fleet in our target group, an image."""
        self.count += 1
        name = f"foreign-{self.count}"
        self.foreign.append(name)
        self.put("fleets", Fleet(id=name, state="active", capacity=1, target_groups=(GROUP,)))

    @rule()
    def settle(self) -> None:
        self.reconcile()
        self.only_what_is_owned()

    # -- what must hold --

    @invariant()
    def what_serves_goes_on(self) -> None:
        fleets = {one.id: one for one in self.facts.fleets}
        for name in self.serving.values():
            assert fleets[name].live
            members = [one for one in self.facts.instances if one.fleet == name and one.live]
            assert len(members) == 2
            assert fleets[name].image in {one.id for one in self.facts.images}
            assert set(fleets[name].launch_templates) <= {one.id for one in self.facts.templates}
        assert all(fleets[name].live for name in self.foreign)

    def only_what_is_owned(self) -> None:
        living = set(self.step)
        serving = set(self.serving.values())
        for fleet in self.facts.fleets:
            owned = fleet.id in serving or fleet.id in self.foreign
            assert fleet.gone or owned or self._in_hand(fleet), fleet
        fleets = {one.id: one for one in self.facts.fleets}
        for one in self.facts.instances:
            of_owned = one.fleet in serving or (one.fleet and not fleets[one.fleet].gone)
            assert not one.live or of_owned or one.tags[t.RELEASE] in living, one
        for image in self.facts.images:
            used = any(not one.gone and one.image == image.id for one in self.facts.fleets)
            assert image.release in living or used or t.RELEASED in image.tags, image
        held = {name for image in self.facts.images for name in image.snapshots}
        assert {one.id for one in self.facts.snapshots} <= held
        for template in self.facts.templates:
            used = any(template.id in x.launch_templates for x in fleets.values() if not x.gone)
            assert template.release in living or used, template
        for kind in (self.facts.key_pairs, self.facts.security_groups):
            assert {one.release for one in kind} <= living

    def _in_hand(self, fleet: Fleet) -> bool:
        """A living release looks after it: its own, or one that it replaces."""
        return fleet.release in self.step or any(
            self.group[one] in fleet.target_groups for one in self.step
        )


TestAccount = Account.TestCase
TestAccount.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
