"""For any set of facts: reconciling comes to rest, and touches nothing that is owned."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from spotkiln import tags as t
from spotkiln.bake.image import Image, ImageState
from spotkiln.bake.layer import unneeded
from spotkiln.keep.action import Action, Verb
from spotkiln.keep.facts import Facts, Owned, OwnedPart, Snapshot
from spotkiln.keep.promotion import recorded
from spotkiln.keep.reconcile import decide
from spotkiln.serve.fleet import Phase, State
from spotkiln.serve.serving import newest_serving
from tests.unit.leftovers import LIVING, fleet, image, machine
from tests.unit.nouns import GROUP, OTHER_GROUP, START

RELEASES = ["living", "dead", "older"]
releases = st.sampled_from(RELEASES)
fleets = st.builds(
    lambda n, phase, release, state, group, hour, promoted: fleet(
        f"sfr-{n}",
        phase,
        release,
        state=state,
        target_groups=(group,),
        created=START.replace(hour=hour),
        promoted=promoted and START.replace(hour=promoted),
    ),
    st.integers(0, 5),
    st.sampled_from([None, *Phase]),
    releases,
    st.sampled_from(["active", "active", "submitted", "cancelled_running", "cancelled", "failed"]),
    st.sampled_from([GROUP, OTHER_GROUP]),
    st.integers(0, 23),
    st.none() | st.integers(1, 23),
)
images = st.builds(
    lambda release, n, state, tags: image(f"ami-{n or release}", release, state, **tags),
    releases,
    st.sampled_from(["", "x"]),
    st.sampled_from(ImageState),
    st.sampled_from(
        [{}, {"released": "2024-04-01"}, {"keep": "rejected"}, {"served/other": "2024-04-01"}]
    ),
)
machines = st.builds(
    lambda n, release, of, state: machine(f"i-{n}", release, of, state),
    st.integers(0, 9),
    releases,
    st.sampled_from(["", *(f"sfr-{n}" for n in range(6))]),
    st.sampled_from(["running", "running", "pending", "shutting-down", "terminated", "stopped"]),
)
owned = st.builds(
    lambda n, release: Owned(id=f"x-{n}", release=release), st.integers(0, 5), releases
)


def many(one: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(one, max_size=5, unique_by=lambda x: x.id).map(tuple)


any_facts = st.builds(
    Facts,
    living=st.just(LIVING),
    fleets=many(fleets),
    images=many(images),
    instances=many(machines),
    snapshots=many(
        st.builds(
            lambda n, release, of: Snapshot(id=f"snap-{n}", release=release, image=f"ami-{of}"),
            st.integers(0, 5),
            releases,
            st.sampled_from(["x", "none", *RELEASES]),
        )
    ),
    parts=many(owned.map(lambda x: OwnedPart(**x.model_dump(), kind="launch-template"))),
    security_groups=many(owned),
    key_pairs=many(owned),
)


def written(facts: Facts, promoted: set[str]) -> tuple[Image, ...]:
    """The images, once the promotions of these fleets' target groups are written on them."""
    found: list[Image] = list(facts.images)
    for group in sorted({name for one in facts.fleets for name in one.group_names}):
        if any(x.id in promoted and group in x.group_names for x in facts.fleets):
            found = recorded(found, facts.fleets, group)
    return tuple(found)


def apply(facts: Facts, actions: list[Action]) -> Facts:
    """Does to the facts what the actions do to an account."""
    gone: dict[Verb, set[str]] = {do: set() for do in Verb}
    for action in actions:
        gone[action.verb] |= set(action.ids)
    ended = gone[Verb.DRAIN_INSTANCES] | gone[Verb.TERMINATE_BUILDERS]
    ended |= {x.id for x in facts.instances if x.fleet in gone[Verb.RETIRE_FLEETS]}
    discarded = gone[Verb.DISCARD_IMAGE]
    held = {s for x in facts.images if x.id in discarded for s in x.snapshots}

    def without(things: tuple[Any, ...], names: set[str]) -> tuple[Any, ...]:
        return tuple(one for one in things if one.id not in names)

    return facts.model_copy(
        update={
            "fleets": tuple(
                x.model_copy(update={"state": State.ENDED})
                if x.id in gone[Verb.RETIRE_FLEETS]
                else x
                for x in facts.fleets
            ),
            "instances": tuple(
                x.model_copy(update={"state": "terminated"}) if x.id in ended else x
                for x in facts.instances
            ),
            "images": without(written(facts, gone[Verb.MARK_RELEASED]), discarded),
            "snapshots": without(facts.snapshots, gone[Verb.DELETE_SNAPSHOT] | held),
            "parts": without(facts.parts, gone[Verb.DELETE_PART]),
            "security_groups": without(facts.security_groups, gone[Verb.DELETE_SECURITY_GROUP]),
            "key_pairs": without(facts.key_pairs, gone[Verb.DELETE_KEY_PAIR]),
        }
    )


def settled(facts: Facts) -> Facts:
    """Reconciled until nothing changes, which must not take long."""
    for _ in range(4):
        actions = decide(facts)
        if not actions:
            return facts
        facts = apply(facts, actions)
    raise AssertionError(f"still to do: {decide(facts)}")


@given(any_facts, st.sets(st.sampled_from(RELEASES)))
def test_more_of_the_living_is_never_more_to_do(facts: Facts, more: set[str]) -> None:
    """Where nothing is to be done, nobody need be asked whether others have come to life."""
    later = facts.model_copy(update={"living": facts.living | more})
    assert {(x.verb, x.ids) for x in decide(later)} <= {(x.verb, x.ids) for x in decide(facts)}


# The applications of those that live.
BUSY = {one.rpartition("-")[0] for one in LIVING}


@given(any_facts)
def test_it_comes_to_rest_and_leaves_what_is_owned(facts: Facts) -> None:
    left = settled(facts)
    used = {x.image for x in left.fleets if not x.gone or x.has_served}
    for one in left.fleets:
        if one.phase is Phase.PENDING:
            assert one.gone or one.release in LIVING
    for machine_ in left.instances:
        if not machine_.fleet:
            ended = machine_.state in {"terminated", "shutting-down"}
            assert ended or machine_.tags[t.RELEASE] in LIVING
    for image_ in left.images:
        owned_ = image_.release in LIVING or image_.id in used or t.KEEP in image_.tags
        owned_ = owned_ or image_.state is ImageState.BASE
        owned_ = owned_ or (
            image_.state is ImageState.LAYER and image_ not in unneeded(left.images, BUSY)
        )
        assert owned_ or image_.released
    for group in (*left.security_groups, *left.key_pairs):
        assert group.release in LIVING


@given(any_facts)
def test_it_never_touches_what_serves_what_is_foreign_and_what_lives(facts: Facts) -> None:
    serving = {x.id for x in newest_serving(facts.fleets).values()}
    untouchable = serving | {x.id for x in facts.fleets if x.phase is None}
    pending = {x.id for x in facts.fleets if x.phase is Phase.PENDING and x.release in LIVING}
    images_ = {x.image for x in facts.fleets if x.has_served}
    # Whatever has ever served: no verdict takes it away, only being pruned, or a takedown.
    images_ |= {x.id for x in facts.images if x.released}
    images_ -= {x.id for x in facts.images if x.state is ImageState.RETIRED}
    images_ |= {x.image for x in facts.fleets if not x.gone}
    living = {x.id for x in facts.images if x.release in LIVING}
    living |= {x.id for x in facts.images if x.state is ImageState.BASE}
    machines_ = {x.id for x in facts.instances if x.fleet in serving | pending}
    machines_ |= {x.id for x in facts.instances if not x.fleet and x.tags[t.RELEASE] in LIVING}
    for one in decide(facts):
        if one.verb is Verb.RETIRE_FLEETS:
            assert not {*one.ids} & (untouchable | pending)
        if one.verb is Verb.DISCARD_IMAGE:
            assert not {*one.ids} & (images_ | living)
        if one.verb in {Verb.TERMINATE_BUILDERS, Verb.DRAIN_INSTANCES}:
            assert not {*one.ids} & machines_
        assert one.why


@given(any_facts)
def test_what_it_does_helps_only_once(facts: Facts) -> None:
    """Done twice at once, or again, there is nothing more to do for the same things."""
    actions = decide(facts)
    again = {(one.verb, one.ids) for one in decide(apply(facts, actions))}
    assert again.isdisjoint((one.verb, one.ids) for one in actions)
