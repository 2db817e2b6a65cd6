"""Nightly runs in an account that is only a model: two at a time, killed at any step, beside
applications that are baked, released and pruned; and reconcile and pruning at any moment."""

from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from spotkiln import tags as t
from spotkiln.bake.base import (
    BaseSpec,
    base_tags,
    fingerprint_of,
    new_base_name,
    promotion,
    unneeded,
    usable,
    why_replaced,
)
from spotkiln.bake.image import Image, ImageState, newest
from spotkiln.keep.facts import Facts, Owned, Snapshot
from spotkiln.keep.reconcile import decide
from spotkiln.target import Instance
from tests.unit import nouns
from tests.unit.keep.test_reconcile_properties import apply
from tests.unit.nouns import START

SPEC = BaseSpec()
STEPS = ("access", "builder", "image", "tagged", "judged", "access gone")


class Account(RuleBasedStateMachine):
    """`step` says how far each living night is; the steps are those of flows/nightly.py."""

    def __init__(self) -> None:
        super().__init__()
        by_hand = nouns.image("ami-hand", age_hours=1)
        by_hand = by_hand.model_copy(update={"name": "rails-base 1", "tags": {}})
        self.foreign = (by_hand,)
        self.facts = Facts()
        self.step: dict[str, int] = {}
        self.version = 1
        self.count = 0

    def put(self, kind: str, new: object) -> None:
        self.facts = self.facts.model_copy(update={kind: (*getattr(self.facts, kind), new)})

    def drop(self, kind: str, name: str) -> None:
        kept = tuple(one for one in getattr(self.facts, kind) if one.id != name)
        self.facts = self.facts.model_copy(update={kind: kept})

    def mark(self, name: str, tags: dict[str, str]) -> None:
        images = (x.with_tags(**tags) if x.id == name else x for x in self.facts.images)
        self.facts = self.facts.model_copy(update={"images": tuple(images)})

    def current(self) -> Image | None:
        """What an application would be baked on."""
        return newest(usable(x for x in self.images() if x.name.startswith(SPEC.name)))

    def images(self) -> tuple[Image, ...]:
        """All of the account; reconcile is given only those that are ours."""
        return (*self.foreign, *self.facts.images)

    def discard(self, name: str) -> None:
        image = next(x for x in self.facts.images if x.id == name)
        self.drop("images", name)
        for snapshot in image.snapshots:
            self.drop("snapshots", snapshot)

    # -- a night --

    @precondition(lambda self: len(self.step) < 2)
    @rule()
    def start(self) -> None:
        self.count += 1
        self.step[f"base-{self.count:012x}"] = 0

    @precondition(lambda self: self.step)
    @rule(data=st.data())
    def go_on(self, data: st.DataObject) -> None:
        self._next(data.draw(st.sampled_from(sorted(self.step))))

    @rule(steps=st.one_of(st.just(len(STEPS)), st.integers(1, len(STEPS))), updates=st.booleans())
    def a_night(self, steps: int, updates: bool) -> None:
        """As far as that, at once; what is left of it is killed."""
        self.version += updates
        self.count += 1
        owner = f"base-{self.count:012x}"
        self.step[owner] = 0
        for _ in range(steps):
            self._next(owner)
        self.step.pop(owner, None)

    def _next(self, owner: str) -> None:
        getattr(self, "_" + STEPS[self.step[owner]].replace(" ", "_"))(owner)
        self.step[owner] += 1
        if self.step[owner] == len(STEPS):
            del self.step[owner]

    def _access(self, owner: str) -> None:
        self.put("security_groups", Owned(id=f"sg-{owner}", release=owner))

    def _builder(self, owner: str) -> None:
        self.put("key_pairs", Owned(id=f"key-{owner}", release=owner))
        tags = base_tags(SPEC.name, owner, "run")
        self.put("instances", Instance(id=f"i-{owner}", state="running", tags=tags))

    def _image(self, owner: str) -> None:
        """Not tagged yet: only its name tells whose it is."""
        self.count += 1
        made = START + timedelta(minutes=self.count)
        image = nouns.image(f"ami-{owner}").model_copy(
            update={"name": new_base_name(SPEC, owner, made), "created": made, "tags": {}}
        )
        self.put("images", image)
        self.put("snapshots", Snapshot(id=f"snap-ami-{owner}", image=image.id))

    def _tagged(self, owner: str) -> None:
        tags = base_tags(SPEC.name, owner, "run")
        self.mark(f"ami-{owner}", {**tags, t.STATE: ImageState.CANDIDATE})
        self.drop("instances", f"i-{owner}")
        self.drop("key_pairs", f"key-{owner}")

    def _judged(self, owner: str) -> None:
        fingerprint = fingerprint_of(f"openssl={self.version}", SPEC)
        if why_replaced(fingerprint, self.current()):
            self.mark(f"ami-{owner}", promotion(fingerprint))
        else:
            self.discard(f"ami-{owner}")

    def _access_gone(self, owner: str) -> None:
        self.drop("security_groups", f"sg-{owner}")

    @precondition(lambda self: self.step)
    @rule(data=st.data())
    def kill(self, data: st.DataObject) -> None:
        del self.step[data.draw(st.sampled_from(sorted(self.step)))]

    # -- beside it --

    @rule()
    def debian_updates(self) -> None:
        self.version += 1

    @rule()
    def an_application_is_released(self) -> None:
        base = self.current()
        assert base
        self.count += 1
        image = nouns.image(f"ami-app-{self.count}", state="tested", released="2024-05-01")
        self.put("images", image.with_tags(**{t.INPUTS: f"base={base.id} source=1"}))

    @rule(data=st.data())
    def a_version_is_pruned(self, data: st.DataObject) -> None:
        apps = [image.id for image in self.facts.images if image.app]
        if apps:
            self.drop("images", data.draw(st.sampled_from(apps)))

    @rule()
    def reconcile(self) -> None:
        for _ in range(4):
            actions = decide(self.facts.model_copy(update={"living": frozenset(self.step)}))
            if not actions:
                return
            self.facts = apply(self.facts, actions)
        raise AssertionError(f"it does not come to rest: {actions}")

    @rule()
    def prune(self) -> None:
        before = self.current()
        for image in unneeded(self.images(), SPEC.name):
            self.discard(image.id)
        assert self.current() == before

    # -- what always holds --

    @invariant()
    def what_applications_were_built_from_is_there(self) -> None:
        there = {image.id for image in self.images()}
        assert {image.base for image in self.facts.images if image.app} <= there

    @invariant()
    def nobody_builds_on_a_candidate(self) -> None:
        base = self.current()
        assert base
        assert base.id == "ami-hand" or t.FINGERPRINT in base.tags

    def teardown(self) -> None:
        """All die, and one reconcile leaves what somebody owns, and nothing else."""
        self.step.clear()
        self.reconcile()
        for image in self.facts.images:
            assert image.app or image.state is ImageState.BASE
        assert not self.facts.security_groups
        assert not self.facts.key_pairs
        assert all(x.state == "terminated" for x in self.facts.instances)
        held = {snapshot for image in self.facts.images for snapshot in image.snapshots}
        assert {x.id for x in self.facts.snapshots} <= held


TestAccount = Account.TestCase
TestAccount.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
