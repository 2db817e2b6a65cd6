"""Pushes: whose they are, what they start, which is the newest."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from spotkiln.errors import InputError
from spotkiln.hooks import Hooks, Host
from spotkiln.order import Place, PushRun, needless, place, superseded_by
from spotkiln.push import Listener, Plan, Push, Start, Subscription, plan
from spotkiln.repository import identity
from tests.unit.nouns import START

A, B, C, D = ("a" * 40, "b" * 40, "c" * 40, "d" * 40)
SHOP = "github.com/acme/shop"
TWO_SECRETS = Hooks(secrets={Host.GITHUB: ("hooks", "other")})
ONE_SECRET = Hooks(secrets={Host.GITHUB: ("hooks",)})


def starts(
    push: Push,
    listeners: list[Listener],
    hooks: Hooks = ONE_SECRET,
    *,
    goes_back: bool = False,
) -> tuple[Start, ...]:
    return plan(push, listeners, hooks, goes_back=goes_back).starts


def push(before: str = A, after: str = B, **changes: object) -> Push:
    settings = {
        "host": Host.GITHUB,
        "repositories": (SHOP,),
        "ref": "refs/heads/main",
        "before": before,
        "after": after,
        "commit": after,
        "secret": "hooks",
    }
    return Push.model_validate({**settings, **changes})


def listener(*tags: str, name: str = "release/shop", repository: str = SHOP) -> Listener:
    app = {"name": "shop", "repository": f"https://{repository}.git", "ref": "main", "port": 3000}
    return Listener(id="id-1", name=name, to=Subscription.from_tags(tags), app=app)


@pytest.mark.parametrize(
    "address",
    [
        "https://github.com/acme/shop",
        "https://github.com/Acme/Shop.git",
        "https://github.com:443/acme/shop.git/",
        "https://ada@github.com/acme/shop.git",
        "ssh://git@github.com:22/acme/shop.git",
        "git@github.com:acme/shop.git",
        "github.com:acme/shop",
        "git://github.com/acme/shop.git",
        "ssh://git@ssh.github.com:443/acme/shop.git",
        "git+ssh://git@github.com/acme/shop.git",
        "https://github.com./acme/%73hop.git",
    ],
)
def test_all_addresses_of_a_repository_are_one(address: str) -> None:
    assert identity(address) == SHOP


@pytest.mark.parametrize(
    "address", ["/srv/git/Shop", "/srv/git/Shop.git", "file:///srv/git/Shop.git", "/srv/git/Shop/"]
)
def test_a_path_is_one_too(address: str) -> None:
    assert identity(address) == "/srv/git/Shop"


@given(st.text())
def test_any_address_has_an_identity(address: str) -> None:
    assert identity(address) == identity(f" {address} ")


def test_the_pushed_commit_is_released_and_not_the_branch() -> None:
    assert starts(push(by="ada"), [listener("shop", "push:branch=main")]) == (
        Start(
            deployment="id-1",
            name="release/shop",
            parameters={
                "app": {
                    "name": "shop",
                    "repository": "https://github.com/acme/shop.git",
                    "ref": B,
                    "port": 3000,
                }
            },
            idempotency_key=f"push:{SHOP}:{B}:release/shop",
            tags=(f"pushed:{SHOP}@main", "trigger:push", "by:ada"),
        ),
    )


def test_the_key_is_of_repository_commit_and_environment() -> None:
    """And of nothing else, however the push came."""
    one = [listener("push:branch=*", "push:tag=*", name="release/shop")]
    keys = {
        start.idempotency_key
        for sent in (
            push(),
            push(before=C),
            push(ref="refs/heads/next"),
            push(ref="refs/tags/v1", after=D, commit=B),
            push(repositories=("mirror.example.com/shop", SHOP)),
        )
        for start in starts(sent, one)
    }
    assert keys == {f"push:{SHOP}:{B}:release/shop"}
    other = starts(push(), [listener("push:branch=main", name="release/shop-test")])
    assert other[0].idempotency_key not in keys
    back = starts(push(), one, goes_back=True)
    assert back[0].idempotency_key == f"push:{SHOP}:{B}:release/shop:after:{A}"


def test_one_push_starts_every_deployment_that_listens() -> None:
    every = [
        listener("push:branch=main", name="release/test"),
        listener("push:branch=release/*", name="release/live"),
        listener("push:branch=ma*", name="release/blog"),
        listener("push:branch=main", name="release/other", repository="github.com/acme/other"),
    ]
    started = starts(push(), every)
    assert [one.name for one in started] == ["release/test", "release/blog"]
    started = starts(push(ref="refs/heads/release/2024/5"), every)
    assert [one.name for one in started] == ["release/live"]


@pytest.mark.parametrize(
    ("sent", "listening", "reason"),
    [
        (push(), [], f"no deployment with push: tags has the repository {SHOP}"),
        (
            push(repositories=("github.com/acme/shop2",)),
            [listener("push:branch=main")],
            "no deployment with push: tags has the repository github.com/acme/shop2",
        ),
        (
            push(ref="refs/heads/next"),
            [listener("push:branch=main")],
            f"release/shop does not listen to branch next of {SHOP}",
        ),
        (
            push(ref="refs/tags/main"),
            [listener("push:branch=main")],
            f"release/shop does not listen to tag main of {SHOP}",
        ),
        (
            push(),
            [listener("push:branch=main", "push:secret=other")],
            "release/shop takes pushes that another secret signed",
        ),
    ],
)
def test_what_is_ignored_says_why(sent: Push, listening: list[Listener], reason: str) -> None:
    assert plan(sent, listening, TWO_SECRETS) == Plan(ignored=reason)


def test_a_deployment_says_whose_word_it_takes() -> None:
    mine = [listener("push:branch=main", "push:secret=other")]
    assert starts(push(secret="other"), mine, TWO_SECRETS)
    assert not starts(push(secret="hooks"), mine, TWO_SECRETS)
    # While one is replaced by another.
    both = [listener("push:branch=main", "push:secret=other", "push:secret=hooks")]
    for signer in ("other", "hooks"):
        assert starts(push(secret=signer), both, TWO_SECRETS)


def test_with_several_secrets_a_deployment_must_say_whose() -> None:
    """Or whoever knows one would release everybody's."""
    mine = listener("push:branch=main")
    bound = listener("push:branch=main", "push:secret=hooks", name="release/live")
    found = plan(push(), [mine], TWO_SECRETS)
    assert found.starts == ()
    assert "several secrets may sign" in found.refused
    assert "push:secret=NAME" in found.refused
    assert [one.name for one in found.concerns] == ["release/shop"]
    # It is not in the way of those that do say it.
    found = plan(push(), [mine, bound.model_copy(update={"id": "id-2"})], TWO_SECRETS)
    assert [one.name for one in found.starts] == ["release/live"]
    assert [one.name for one in found.concerns] == ["release/shop"]


def test_one_secret_for_each_kind_of_host_needs_no_tag() -> None:
    hooks = Hooks(secrets={Host.GITHUB: ("hooks",), Host.GITLAB: ("other",)})
    assert starts(push(), [listener("push:branch=main")], hooks)


def test_a_path_that_fits_at_another_host_is_told() -> None:
    elsewhere = listener("push:branch=main", repository="git.example.com/acme/shop")
    found = plan(push(), [elsewhere], ONE_SECRET)
    (concern,) = found.concerns
    assert (found.starts, found.refused) == ((), "")
    for part in ("path of branch main", "the host does not", "git.example.com/acme/shop"):
        assert part in concern.reason
        assert part in found.ignored
    # Not of those that would not have listened.
    assert plan(push(ref="refs/heads/next"), [elsewhere], ONE_SECRET).concerns == ()


def test_an_alias_of_a_host_is_the_host() -> None:
    """As GitHub recommends it for deploy keys."""
    shop = listener("push:branch=main").model_copy(
        update={
            "app": {"repository": "git@github-shop:acme/shop.git"},
            "names": {"github-shop": "github.com"},
        }
    )
    (start,) = starts(push(), [shop])
    assert start.idempotency_key == f"push:{SHOP}:{B}:release/shop"
    assert f"pushed:{SHOP}@main" in start.tags
    assert start.parameters["app"]["repository"] == "git@github-shop:acme/shop.git"
    assert starts(push(), [shop.model_copy(update={"names": {}})]) == ()


def test_a_host_that_is_reached_by_another_name_keeps_its_own() -> None:
    shop = listener("push:branch=main").model_copy(
        update={
            "app": {"repository": f"git@{SHOP.replace('/', ':', 1)}.git"},
            "names": {"github.com": "10.0.0.5"},
        }
    )
    assert starts(push(), [shop])


def test_a_commit_may_ask_that_nothing_be_done() -> None:
    plain, heeding = listener("push:branch=main"), listener("push:branch=main", "push:skip-ci=yes")
    assert starts(push(skips=True), [plain])
    assert "[skip ci]" in plan(push(skips=True), [heeding], ONE_SECRET).ignored
    assert starts(push(skips=False), [heeding])


def test_a_triggers_tags() -> None:
    found = Subscription.from_tags(["shop", "push:tag=v*", "push:branch=main", "push:secret=mine"])
    assert found == Subscription(branches=("main",), tags=("v*",), secrets=("mine",))
    assert Subscription.from_tags(["shop", "pushed:x@main"]).listens is False


@pytest.mark.parametrize(
    "tags",
    [["push:brnach=main"], ["push:branch"], ["push:branch="], ["push:skip-ci=[skip ci]"]],
)
def test_tags_that_nobody_knows_are_told(tags: list[str]) -> None:
    with pytest.raises(InputError, match=r"expected .*push:"):
        Subscription.from_tags(tags)


@pytest.mark.parametrize(
    "ref", ["main", "refs/heads/", "refs/heads/a b", "refs/heads/a\nb", "refs/x/y"]
)
def test_refs_that_git_does_not_have_are_refused(ref: str) -> None:
    with pytest.raises(ValidationError):
        push(ref=ref)


# -- order --


@pytest.mark.parametrize(
    ("sent", "known", "expected"),
    [
        (push(A, B), [], Place.NEWEST),
        (push(B, C), [push(A, B)], Place.NEWEST),
        (push(B, A), [push(A, B)], Place.NEWEST),  # back, but at what never came here
        (push(C, B), [push(A, B), push(B, C)], Place.BACK),
        (push(A, B), [push(B, C)], Place.OLDER),
        (push(D, A), [push(A, B), push(B, C)], Place.OLDER),
        (push(A, B), [push(B, C), push(C, D)], Place.OLDER),
        (push(C, D), [push(A, B)], Place.NEWEST),  # one between them is missing
        # Another hook told of it before.
        (push(A, B), [push(A, B)], Place.NEWEST),
        (push(C, B), [push(A, B), push(B, C), push(C, B)], Place.BACK),
        (push(A, B), [push(A, B), push(B, A)], Place.OLDER),
    ],
)
def test_order_by_what_the_ref_was_before(sent: Push, known: list[Push], expected: Place) -> None:
    assert place(sent, known) is expected


def test_a_step_that_is_taken_again_is_told_from_one_that_is_reported_again() -> None:
    """There, back, and there once more: by the host's own name for the push."""
    known = [push(A, B, event="1"), push(B, A, event="2")]
    assert place(push(A, B, event="1"), known) is Place.OLDER
    assert place(push(A, B, event="3"), known) is Place.BACK


def test_order_by_the_hosts_time() -> None:
    early, late = START, START + timedelta(seconds=1)
    assert place(push(A, B, pushed=early), [push(C, D, pushed=late)]) is Place.OLDER
    assert place(push(A, B, pushed=late), [push(C, D, pushed=early)]) is Place.NEWEST
    assert place(push(A, B, pushed=early), [push(C, D)]) is Place.NEWEST


@given(st.integers(2, 8), st.data())
def test_with_times_any_order_of_arrival_ends_at_the_newest(size: int, data: st.DataObject) -> None:
    commits = [f"{n:040x}" for n in range(1, size + 1)]
    sent = [
        push(before, after, pushed=START + timedelta(seconds=n))
        for n, (before, after) in enumerate(pairwise(commits))
    ]
    known: list[Push] = []
    for one in data.draw(st.permutations(sent)):
        if place(one, known) is not Place.OLDER:
            known.append(one)
    assert known[-1] == sent[-1]


# -- runs of the same ref --


def run(name: str, at: int, state: str) -> PushRun:
    return PushRun(id=name, created=datetime(2024, 5, 1, 12, at, tzinfo=UTC), state=state)


def test_only_older_runs_that_have_not_begun_are_needless() -> None:
    others = [
        run("waits", 1, "SCHEDULED"),
        run("late", 2, "SCHEDULED"),
        run("about to begin", 2, "PENDING"),
        run("runs", 3, "RUNNING"),
        run("asks", 3, "PAUSED"),
        run("itself", 5, "SCHEDULED"),
        run("newer", 6, "SCHEDULED"),
    ]
    found = needless(run("itself", 5, "SCHEDULED"), others)
    assert [one.id for one in found] == ["waits", "late"]


@pytest.mark.parametrize(
    ("state", "gives_way"),
    [
        ("SCHEDULED", True),
        ("PENDING", True),
        ("RUNNING", True),
        ("PAUSED", True),
        ("COMPLETED", True),
        ("FAILED", False),
        ("CRASHED", False),
        ("CANCELLED", False),
        ("CANCELLING", False),
    ],
)
def test_a_run_gives_way_to_a_newer_one_unless_that_failed(state: str, *, gives_way: bool) -> None:
    own, other = run("own", 5, "RUNNING"), run("other", 6, state)
    assert superseded_by(own, [own, other]) == (other if gives_way else None)
    assert superseded_by(other, [own, other]) is None


def test_the_newest_of_several_is_named() -> None:
    runs = [run("own", 1, "RUNNING"), run("third", 3, "RUNNING"), run("second", 2, "RUNNING")]
    assert superseded_by(runs[0], runs) == runs[1]
