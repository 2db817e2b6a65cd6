"""Pushes that make a preview of a branch, and take it away."""

from datetime import UTC, datetime

from spotkiln.start.push import DELETED, Listener, Push, plan
from tests.unit.pushes import B, push
from tests.unit.start.test_push import ONE_SECRET, listener, starts

# Previews


def preview(*tags: str) -> Listener:
    found = listener(*(tags or ("push:branch=feature/*",)), name="preview/shop")
    return found.model_copy(update={"id": "id-preview", "previews": True})


FEATURE = "refs/heads/feature/x"
GONE = "0" * 40


def started(sent: Push, *listening: Listener, goes_back: bool = False) -> list[dict[str, object]]:
    found = plan(sent, list(listening), ONE_SECRET, goes_back=goes_back)
    return [one.parameters for one in found.starts]


def test_a_push_to_a_branch_makes_its_preview() -> None:
    sent = push(ref=FEATURE)
    assert started(sent, preview()) == [{"branch": "feature/x", "ref": B}]
    assert started(push(), preview()) == []
    assert started(push(ref="refs/tags/feature/x"), preview("push:tag=*")) == []


def test_a_branch_that_is_deleted_takes_its_preview_along() -> None:
    sent = push(B, GONE, ref=FEATURE, skips=True)
    skipping = preview("push:branch=*", "push:skip-ci=yes")
    assert started(sent, skipping) == [{"branch": "feature/x", "removed": True}]
    releasing = listener("push:branch=*")
    found = plan(sent, [releasing], ONE_SECRET)
    assert (found.starts, found.ignored) == ((), DELETED)


def test_a_branch_that_is_released_needs_no_preview() -> None:
    releasing = listener("push:branch=main")
    everything = preview("push:branch=*")
    (only,) = plan(push(), [everything, releasing], ONE_SECRET).starts
    assert only.deployment == releasing.id
    (only,) = plan(push(ref=FEATURE), [everything, releasing], ONE_SECRET).starts
    assert only.deployment == everything.id


def test_each_branch_has_a_key_of_its_own() -> None:
    """Two of one commit each have a preview; one that was deleted and comes back has it again."""
    one, other = (push(GONE, B, ref=f"refs/heads/feature/{x}") for x in "xy")
    first = one.model_copy(update={"pushed": datetime(2024, 5, 1, tzinfo=UTC)})
    second = one.model_copy(update={"pushed": datetime(2024, 5, 2, tzinfo=UTC)})
    gone = push(B, GONE, ref=FEATURE)
    once, more = [(x, False) for x in (one, other, gone)], [(first, True), (second, True)]
    keys = [
        start.idempotency_key
        for sent, back in once + more
        for start in starts(sent, [preview()], goes_back=back)
    ]
    assert len(set(keys)) == 5
