"""Releases and rollbacks in an account that is only a model: they go on, fail at the gate, are
killed at any step, and whatever they were at, reconciling leaves exactly what somebody owns, and
loses no version that a target group keeps."""

from collections import defaultdict
from datetime import timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from spotkiln import tags as t
from spotkiln.bake.image import (
    Image,
    ImageState,
    blame,
    discardable,
    superseded,
)
from spotkiln.bake.image_name import image_name
from spotkiln.bake.served import text_of
from spotkiln.errors import InputError
from spotkiln.keep import hold
from spotkiln.keep.facts import Facts, Owned, OwnedPart, Snapshot
from spotkiln.keep.promotion import recorded
from spotkiln.keep.reconcile import decide
from spotkiln.keep.versions import Version, choose, listing
from spotkiln.serve.fleet import Fleet, Phase, State
from spotkiln.serve.serving import promotion_time, serving
from spotkiln.target import Instance
from tests.unit.keep.test_reconcile_properties import apply
from tests.unit.nouns import GROUP, OTHER_GROUP, START

NAMES = {GROUP: "website", OTHER_GROUP: "other"}
ROUNDS = 4
KEEP = 2


class Account(RuleBasedStateMachine):
    """`step` says how far each living release is; the steps are those of flows/release.py."""

    def __init__(self) -> None:
        super().__init__()
        self.facts = Facts()
        self.step: dict[str, int] = {}
        self.group: dict[str, str] = {}
        self.serving: dict[str, str] = {}
        self.image: dict[str, str] = {}
        # What the fleet of a rollback tells of what it left.
        self.held: dict[str, dict[str, str]] = defaultdict(dict)
        # What was promoted in each target group, the latest last: the truth, whatever tags say.
        self.history: dict[str, list[str]] = {GROUP: [], OTHER_GROUP: []}
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
            commit=release[-12:] * 3,
            target_group=NAMES[self.group[release]],
        )

    def reconcile(self, only: str = "") -> None:
        for _ in range(ROUNDS):
            facts = self.facts.model_copy(update={"living": frozenset(self.step)})
            actions = decide(facts, only)
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
        self.put("parts", OwnedPart(kind="launch-template", id=f"lt-{release}", release=release))

    def _launch(self, release: str) -> None:
        """An image that no group keeps goes, also when a release to another group has chosen it and
        not launched yet. EC2 starts no server of it: that release fails and promotes nothing."""
        if self.image[release] in {one.id for one in self.facts.images}:
            self._fleet(release)
            return
        self.drop("parts", f"lt-{release}")
        del self.step[release]

    def _fleet(self, release: str, phase: Phase = Phase.PENDING) -> None:
        fleet = Fleet(
            id=f"sfr-{release}",
            launcher="Spot Fleet",
            state=State.KEPT,
            capacity=2,
            created=START + timedelta(minutes=self.count),
            target_groups=(self.group[release],),
            parts=(f"lt-{release}",),
            tags={**self.tags(release), t.PHASE: phase, t.IMAGE: self.image[release]},
        )
        if phase is Phase.SERVING:
            moment = promotion_time(START, self.facts.fleets, self.group[release])
            fleet = fleet.model_copy(
                update={"tags": {**fleet.tags, t.PROMOTED: text_of(moment), **self.held[release]}}
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
        line = self.history[self.group[release]]
        if self.image[release] in line:
            line.remove(self.image[release])
        line.append(self.image[release])

    def versions(self, group: str) -> list[Version]:
        current = next(iter(serving(self.facts.fleets, group)), None)
        images = recorded(self.facts.images, self.facts.fleets, NAMES[group])
        return listing(images, NAMES[group], current)

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
            self.put("fleets", one.model_copy(update={"state": State.STOPPED}))

    def _terminate(self, release: str) -> None:
        for fleet in self._replaced(release):
            mine = [one.id for one in self.facts.instances if one.fleet == fleet.id]
            self.drop("instances", *mine)
            self.put("fleets", fleet.model_copy(update={"state": State.ENDED}))
            self.drop("parts", *fleet.parts)

    def _mark_released(self, release: str) -> None:
        name = NAMES[self.group[release]]
        self.put("images", *recorded(self.facts.images, self.facts.fleets, name))

    def _used(self) -> set[str]:
        return {one.image for one in self.facts.fleets if not one.gone}

    def _discard(self, image: Image) -> None:
        self.drop("images", image.id)
        self.drop("snapshots", *image.snapshots)

    def _end(self, release: str) -> None:
        """The last of it is that it prunes."""
        name = NAMES[self.group[release]]
        pruning = superseded(self.facts.images, name, KEEP, self._used())
        for one in pruning.discard:
            self._discard(one)
        for one in pruning.forget:
            there = self.get("images", one.id)
            tags = {key: value for key, value in there.tags.items() if key != f"{t.SERVED}{name}"}
            self.put("images", there.model_copy(update={"tags": tags}))
        del self.step[release]

    @property
    def steps(self) -> list[Any]:
        return [
            self._builder, self._image, self._tag, self._test, self._template, self._launch,
            self._promote, self._mark_released, self._announce, self._cancel, self._terminate,
            self._end,
        ]  # fmt: skip

    # -- what happens --

    def begins(self, group: str, image: str = "", *, whole: bool) -> str:
        """One of this image, or that bakes its own; some go to their end at once. Its name."""
        self.count += 1
        release = f"app-{self.count:012x}"
        self.group[release], self.image[release] = group, image or f"ami-{release}"
        self.step[release] = self.steps.index(self._template) if image else 0
        if whole:
            self.go_on_to_the_end(release)
        return release

    def go_on_to_the_end(self, release: str) -> None:
        while release in self.step:
            self.one_step(release)

    def free(self, group: str) -> bool:
        """Whether nobody else lives in the target group; then who begins there settles it."""
        if any(self.group[one] == group for one in self.step):
            return False
        self.reconcile(only=NAMES[group])
        return True

    def one_step(self, release: str) -> None:
        do = self.steps[self.step[release]]
        self.step[release] += 1
        do(release)

    @rule(group=st.sampled_from([GROUP, OTHER_GROUP]), whole=st.booleans())
    def start(self, group: str, *, whole: bool) -> None:
        if self.free(group):
            self.begins(group, whole=whole)

    @rule(group=st.sampled_from([GROUP, OTHER_GROUP]), data=st.data())
    def go_back(self, group: str, data: st.DataObject) -> None:
        """To what is previous, or to any version by its name; none is forgotten meanwhile."""
        names = [one.image for one in self.versions(group) if not one.serving]
        if not names or not self.free(group):
            return
        versions = self.versions(group)
        wanted = data.draw(st.sampled_from(["previous", *names]))
        try:
            chosen = choose(versions, wanted, "app")
        except InputError:
            # All others were left by rollbacks.
            assert wanted == "previous"
            return
        current = next(iter(serving(self.facts.fleets, group)), None)
        left = hold.after_rollback(current, versions, chosen)
        self.held[f"app-{self.count + 1:012x}"] = {t.HELD: hold.to_tag(left)} if left else {}
        self.begins(group, chosen.image, whole=data.draw(st.booleans()))

    @rule(source=st.sampled_from([GROUP, OTHER_GROUP]), whole=st.booleans())
    def release_elsewhere(self, source: str, *, whole: bool) -> None:
        """What serves one target group is released to the other, as it is."""
        group = OTHER_GROUP if source == GROUP else GROUP
        current = next(iter(serving(self.facts.fleets, source)), None)
        if current is None or not self.free(group):
            return
        # One that does not tell that it was released is not found.
        if t.RELEASED in self.get("images", current.image).tags:
            self.begins(group, current.image, whole=whole)

    @precondition(lambda self: self.at_the_gate())
    @rule(data=st.data())
    def fail_at_the_gate(self, data: st.DataObject) -> None:
        """The verdict blames the image, whichever it is; what the release made is undone."""
        release = data.draw(st.sampled_from(self.at_the_gate()))
        image = self.get("images", self.image[release])
        name = NAMES[self.group[release]]
        self.put("images", image.with_tags(**blame(image, START, name, "sick", keep=False)))
        fleet = self.get("fleets", f"sfr-{release}")
        self.drop("instances", *(x.id for x in self.facts.instances if x.fleet == fleet.id))
        self.drop("parts", *fleet.parts)
        self.put("fleets", fleet.model_copy(update={"state": State.ENDED}))
        for one in discardable(self.facts.images, release, self._used()):
            self._discard(one)
        del self.step[release]

    def at_the_gate(self) -> list[str]:
        gate = self.steps.index(self._promote)
        return sorted(release for release, step in self.step.items() if step == gate)

    @precondition(lambda self: self.step)
    @rule(data=st.data(), times=st.integers(1, 12))
    def go_on(self, data: st.DataObject, times: int) -> None:
        release = data.draw(st.sampled_from(sorted(self.step)))
        for _ in range(times):
            if release in self.step:
                self.one_step(release)

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
        self.put(
            "fleets",
            Fleet(
                id=name, launcher="Spot Fleet", state=State.KEPT, capacity=1, target_groups=(GROUP,)
            ),
        )

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
            assert set(fleets[name].parts) <= {one.id for one in self.facts.parts}
        assert all(fleets[name].live for name in self.foreign)

    @invariant()
    def no_version_is_lost(self) -> None:
        there = {one.id: one for one in self.facts.images}
        for group, line in self.history.items():
            assert set(line[-KEEP:]) <= there.keys(), (group, line)
            living = any(self.group[one] == group for one in self.step)
            if not living:
                kept = [one.image for one in self.versions(group)][:KEEP]
                assert kept == line[-KEEP:][::-1], (group, line)

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
            assert image.release in living or used or image.released, image
        held = {name for image in self.facts.images for name in image.snapshots}
        assert {one.id for one in self.facts.snapshots} <= held
        for template in self.facts.parts:
            used = any(template.id in x.parts for x in fleets.values() if not x.gone)
            assert template.release in living or used, template
        for kind in (self.facts.key_pairs, self.facts.security_groups):
            assert {one.release for one in kind} <= living

    def _in_hand(self, fleet: Fleet) -> bool:
        """A living release looks after it: its own, or one that it replaces."""
        return fleet.release in self.step or any(
            self.group[one] in fleet.target_groups for one in self.step
        )


def account_whose_image_is_chosen_and_pruned() -> tuple[Account, str, str]:
    """The first image of one group is chosen for the other. Before it is launched there, the first
    group has promoted two others. The account, the release that chose it, and the image."""
    account = Account()
    first = account.begins(GROUP, whole=True)
    account.begins(OTHER_GROUP, whole=True)
    image = account.image[first]
    chosen = account.begins(OTHER_GROUP, image, whole=False)
    account.begins(GROUP, whole=True)
    account.begins(GROUP, account.history[OTHER_GROUP][-1], whole=True)
    return account, chosen, image


def test_an_image_that_is_pruned_before_its_launch_fails_that_release_alone() -> None:
    account, chosen, image = account_whose_image_is_chosen_and_pruned()
    assert image not in {one.id for one in account.facts.images}
    before = {group: list(line) for group, line in account.history.items()}
    account.go_on_to_the_end(chosen)
    assert account.history == before
    account.no_version_is_lost()
    account.what_serves_goes_on()
    account.settle()


def test_an_image_that_was_launched_is_not_pruned() -> None:
    """Elsewhere, and before the group that it served lets it go."""
    account = Account()
    image = account.image[account.begins(GROUP, whole=True)]
    account.begins(OTHER_GROUP, whole=True)
    other = account.begins(OTHER_GROUP, image, whole=False)
    while other not in account.at_the_gate():
        account.one_step(other)
    account.begins(GROUP, whole=True)
    account.begins(GROUP, whole=True)
    account.go_on_to_the_end(other)
    assert account.history[OTHER_GROUP][-1] == image
    account.no_version_is_lost()
    account.what_serves_goes_on()


TestAccount = Account.TestCase
TestAccount.settings = settings(max_examples=300, stateful_step_count=40, deadline=None)
