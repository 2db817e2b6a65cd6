"""Pushes to a repository with several applications: each has its folder."""

import pytest

from spotkiln.start.push import Listener, PushPlan, plan
from tests.unit.pushes import push
from tests.unit.start.test_push import ONE_SECRET, listener, starts

WEB = {"folder": "apps/web", "depends_on": ["packages/ui", "package.json"]}


def in_folder(**app: object) -> Listener:
    one = listener("push:branch=main")
    return one.model_copy(update={"app": {**one.app, **app}})


@pytest.mark.parametrize(
    "paths",
    [
        ("apps/web/a.js",),
        ("README.md", "apps/web/deep/b.js"),
        ("packages/ui/c.js",),
        ("package.json",),
        # Where a link or a submodule of that name was.
        ("apps/web",),
        # Submodules that hold the folder, or what it depends on.
        ("apps",),
        ("packages",),
        None,
    ],
)
def test_a_push_that_touches_the_folder_or_what_it_depends_on(
    paths: tuple[str, ...] | None,
) -> None:
    assert len(starts(push(paths=paths), [in_folder(**WEB)])) == 1


@pytest.mark.parametrize(
    "paths",
    [("README.md",), ("apps/website/a",), ("packages/uikit/a", "apps/api/a"), ("package.json5",)],
)
def test_a_push_that_touches_neither_releases_nothing(paths: tuple[str, ...]) -> None:
    found = plan(push(paths=paths), [in_folder(**WEB)], ONE_SECRET)
    assert found == PushPlan(
        ignored="it touches nothing in apps/web, nor what that depends on (release/shop)"
    )


def test_each_application_of_a_repository_has_its_own_folder() -> None:
    web = in_folder(**WEB).model_copy(update={"name": "release/web"})
    api = in_folder(folder="apps/api", depends_on=[]).model_copy(update={"name": "release/api"})
    whole = in_folder().model_copy(update={"name": "release/whole"})
    found = starts(push(paths=("apps/api/main.go",)), [web, api, whole])
    assert [one.name for one in found] == ["release/api", "release/whole"]


@pytest.mark.parametrize("app", [{"folder": "apps/web"}, {"depends_on": ["lib"]}, {"folder": ""}])
def test_what_is_not_known_here_is_found_out_by_the_run(app: dict[str, object]) -> None:
    """Without a folder it is the whole repository; and what the folder depends on may be said by
    its spotkiln.yaml."""
    assert len(starts(push(paths=("README.md",)), [in_folder(**app)])) == 1
