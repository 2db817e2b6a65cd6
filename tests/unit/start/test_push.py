"""Which deployments a push starts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from spotkiln.errors import InputError
from spotkiln.start.hooks import Hooks, Host
from spotkiln.start.push import Listener, Push, PushPlan, Start, Subscription, plan
from spotkiln.start.repository import identity
from tests.unit.pushes import SHOP, A, B, C, D, push

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


def test_an_address_that_is_none_is_a_repository_of_its_own() -> None:
    assert identity("https://[github.com/acme/shop") == "https://[github.com/acme/shop"


@given(st.text())
def test_any_address_has_an_identity(address: str) -> None:
    assert identity(address) == identity(f" {address} ")


def test_the_pushed_commit_is_released_and_not_the_branch() -> None:
    assert starts(push(by="ada"), [listener("shop", "push:branch=main")]) == (
        Start(
            deployment="id-1",
            name="release/shop",
            parameters={"ref": B},
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
    assert plan(push(), one, ONE_SECRET).starts[0].idempotency_key in keys
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
    assert plan(sent, listening, TWO_SECRETS) == PushPlan(ignored=reason)


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


def test_it_is_enough_that_a_push_can_reach_it_by_one_of_its_names() -> None:
    """ssh knows the host by another name, of which no hook tells."""
    shop = listener("push:branch=main").model_copy(
        update={
            "app": {"repository": f"git@{SHOP.replace('/', ':', 1)}.git"},
            "names": {"github.com": "git.example.com"},
        }
    )
    only_github = Hooks(secrets=ONE_SECRET.secrets, hosts={Host.GITHUB: ("github.com",)})
    objections = [only_github.objection(one, ()) for one in shop.repositories]
    assert [bool(one) for one in objections] == [False, True]
    assert shop.objection(only_github) == ""
    other = Hooks(secrets=ONE_SECRET.secrets, hosts={Host.GITHUB: ("github.example.com",)})
    # What it says is of the host that ssh reaches.
    assert "speaks for repositories at git.example.com:" in shop.objection(other)


def test_who_takes_another_secret_does_not_hide_who_must_say_which() -> None:
    bound = listener("push:branch=main", "push:secret=other", name="release/live")
    unsaid = listener("push:branch=main").model_copy(update={"id": "id-2"})
    found = plan(push(secret="hooks"), [bound, unsaid], TWO_SECRETS)
    assert (found.starts, found.refused) == ((), "")
    assert found.ignored == "release/live takes pushes that another secret signed"
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
    assert start.parameters == {"ref": B}
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
    # Tags come in any order, and a branch may have a sign in its name.
    found = Subscription.from_tags(["a", "push:branch=fix=1", "m", "push:tag=v*", "zoo"])
    assert found == Subscription(branches=("fix=1",), tags=("v*",))


def test_what_is_neither_a_branch_nor_a_tag_is_wanted_by_nobody() -> None:
    everything = Subscription(branches=("*",), tags=("*",))
    assert everything.wants("refs/heads/main")
    assert everything.wants("refs/tags/v1")
    assert not everything.wants("refs/notes/commits")


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


@pytest.mark.parametrize(
    ("field", "longest"), [("ref", f"refs/heads/{'x' * 489}"), ("event", "e" * 100)]
)
def test_names_have_a_limit(field: str, longest: str) -> None:
    assert getattr(push(**{field: longest}), field) == longest
    with pytest.raises(ValidationError, match="should have at most"):
        push(**{field: f"{longest}x"})


def test_a_push_is_of_some_repository() -> None:
    with pytest.raises(ValidationError, match="at least 1 item"):
        push(repositories=())


def test_a_deployment_may_listen_to_branches_or_tags_alone() -> None:
    assert Subscription(branches=("main",)).listens
    assert Subscription(tags=("v*",)).listens
    assert not Subscription(secrets=("hooks",)).listens


MIRROR = "mirror.example.com/shop"


def test_of_several_names_of_its_repository_the_first_is_told() -> None:
    sent = push(repositories=(SHOP, MIRROR), ref="refs/heads/next")
    assert sent.what == f"branch next of {SHOP}"
    assert sent.same_as(sent)
    assert plan(sent, [], ONE_SECRET).ignored.endswith(f"has the repository {SHOP}")


def test_a_concern_names_the_repository_as_the_deployment_has_it() -> None:
    """And not as ssh would reach it."""
    aliased = listener("push:branch=main").model_copy(
        update={
            "app": {"repository": "git@work:acme/shop.git"},
            "names": {"work": "git.example.com"},
        }
    )
    (elsewhere,) = plan(push(), [aliased], ONE_SECRET).concerns
    assert elsewhere.repository == "work/acme/shop"
    reached = push(repositories=("git.example.com/acme/shop",))
    (unbound,) = plan(reached, [aliased], TWO_SECRETS).concerns
    assert unbound.repository == "work/acme/shop"


def test_of_several_deployments_that_are_not_started_the_first_is_told() -> None:
    def both(*tags: str, **app: object) -> list[Listener]:
        made = [listener("push:branch=main", *tags, name=f"release/{x}") for x in ("one", "two")]
        return [
            x.model_copy(update={"id": x.name, "app": {**x.app, **app, "name": x.name}})
            for x in made
        ]

    folders = both(depends_on=[])
    for one, folder in zip(folders, ("web", "api"), strict=True):
        one.app["folder"] = folder
    for sent, listening, reason in (
        (push(skips=True), both("push:skip-ci=yes"), "[skip ci] (release/one)"),
        (push(secret="other"), both("push:secret=hooks"), "release/one takes pushes that"),
        (
            push(paths=("docs/a",)),
            folders,
            "in web, nor what that depends on (release/one)",
        ),
    ):
        assert reason in plan(sent, listening, ONE_SECRET).ignored
