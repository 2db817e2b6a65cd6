"""What a commit says of itself, and what is released of an application in a folder."""

import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from spotkiln.bake.git import check_out
from spotkiln.bake.inside import MISNAMED
from spotkiln.bake.precedence import Origin
from spotkiln.bake.source import Source
from spotkiln.bake.variables import recipe_of
from spotkiln.errors import InputError
from tests.unit import nouns
from tests.unit.nouns import app
from tests.unit.repository import run_git

pytestmark = pytest.mark.programs

WEB = '{"scripts": {"start": "node web.js"}, "devDependencies": {"mocha": "10"}}'


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A monorepo: two applications and what one of them shares with others."""
    folder = tmp_path / "shop"
    folder.mkdir()
    run_git(folder, "init", "--quiet", "--initial-branch=main")
    commit(
        folder,
        {
            "README.md": "shop",
            "package.json": '{"workspaces": ["apps/*", "packages/*"]}',
            "apps/web/package.json": WEB,
            "apps/web/spotkiln.yaml": "port: 8080\ndepends_on: [packages/ui, package.json]\n",
            "apps/website/index.html": "another whose name begins alike",
            "apps/api/go.mod": "module api\n",
            "packages/ui/button.js": "button",
            "packages/uikit/other.js": "other",
        },
    )
    return folder


def commit(folder: Path, files: dict[str, str]) -> str:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    run_git(folder, "add", "--all")
    run_git(folder, "commit", "--quiet", "--message", "Change")
    return run_git(folder, "rev-parse", "HEAD")


def taken(repository: Path, folder: str = "", **more: Any) -> Source:
    asked = app(repository=str(repository), folder=folder, **more)
    return check_out(asked, repository.parent / "source")


def files(source: Source) -> list[str]:
    with tarfile.open(source.archive) as archive:
        return sorted(one.name for one in archive if not one.isdir())


WHOLE = [
    "apps/web/package.json",
    "apps/web/spotkiln.yaml",
    "package.json",
    "packages/ui/button.js",
]


def test_an_application_in_a_folder(repository: Path) -> None:
    source = taken(repository, "apps/web")
    assert files(source) == WHOLE
    assert (source.app.folder, source.app.port, source.app.start) == (
        "apps/web",
        8080,
        "node web.js",
    )
    told = {one.key: one for one in source.settings}
    assert told["port"].origin is Origin.FILE
    assert told["start"].source == "detected: package.json has the script start"
    assert told["depends_on"].shown == "packages/ui package.json"


@pytest.mark.parametrize(
    ("changed", "anew"),
    [
        ("README.md", False),
        ("apps/website/index.html", False),
        ("packages/uikit/other.js", False),
        ("apps/api/main.go", False),
        ("apps/web/web.js", True),
        ("packages/ui/button.js", True),
        ("package.json", True),
    ],
)
def test_another_image_only_if_something_of_it_has_changed(
    repository: Path, changed: str, anew: bool
) -> None:
    before = recipe_of(taken(repository, "apps/web"), nouns.infra())
    commit(repository, {changed: "{}"})
    after = recipe_of(taken(repository, "apps/web"), nouns.infra())
    assert (before != after) is anew


def test_without_a_folder_all_is_released(repository: Path) -> None:
    source = taken(repository, start="node .", test="make test")
    assert len(files(source)) == 8
    assert source.app.port == 3000


def test_a_deployment_says_what_it_depends_on(repository: Path) -> None:
    source = taken(repository, "apps/web", depends_on=("README.md",))
    assert files(source) == ["README.md", "apps/web/package.json", "apps/web/spotkiln.yaml"]


@pytest.mark.parametrize(
    ("folder", "depends_on", "said"),
    [
        ("apps/shop", None, "has no folder 'apps/shop'"),
        ("apps/we", None, "has no folder 'apps/we'"),
        ("apps/web", ("packages/u", "README.md"), "has no packages/u, which depends_on names"),
        ("", ("packages/ui",), "depends_on is for an application in a folder"),
    ],
)
def test_a_path_that_is_not_there(
    repository: Path, folder: str, depends_on: tuple[str, ...] | None, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        taken(repository, folder, depends_on=depends_on, start="node .", test="true")


def test_a_mistake_is_told_by_its_place_in_the_repository(repository: Path) -> None:
    commit(repository, {"apps/web/spotkiln.yaml": "\nstrat: x\n"})
    with pytest.raises(InputError, match=r"^apps/web/spotkiln\.yaml:2: strat: there is no such"):
        taken(repository, "apps/web")


@pytest.mark.parametrize("name", MISNAMED)
def test_a_file_of_another_name_is_not_passed_over(repository: Path, name: str) -> None:
    commit(repository, {f"apps/api/{name}": "port: 1\n"})
    with pytest.raises(InputError, match=f"expected apps/api/spotkiln.yaml, found .*{name}"):
        taken(repository, "apps/api")


@pytest.mark.parametrize("name", ["spotkiln.yaml", "package.json", "Procfile"])
def test_a_link_is_not_followed(repository: Path, name: str) -> None:
    """It could lead to a file of the worker's, which would end up in an error or on the page."""
    secret = repository.parent / "secret"
    secret.write_text('{"scripts": {"start": "hush"}}\nweb: hush\nhush: 1\n')
    (repository / "apps/api" / name).symlink_to(secret)
    commit(repository, {})
    source = taken(repository, "apps/api", start="./serve", build="make")
    assert "hush" not in source.model_dump_json()


def test_a_name_that_is_no_text_tells_nothing(repository: Path) -> None:
    """It is released as it is, and what it holds is not looked at."""
    odd = os.fsencode(repository / "apps/api") + b"/caf\xe9"
    Path(os.fsdecode(odd)).mkdir()
    Path(os.fsdecode(odd + b"/main.py")).write_text("app = FastAPI()\n")
    commit(repository, {"apps/api/a b'c\u00e9/main.py": "x"})
    source = taken(repository, "apps/api", start="./serve", build="make", test="make test")
    assert len([one for one in files(source) if one.endswith("/main.py")]) == 2


@pytest.mark.parametrize("path", ["shop.db", "shop.db/wal", "gone", "gone/below"])
def test_what_is_writable_must_be_a_folder(repository: Path, path: str) -> None:
    """The bake could not make it."""
    (repository / "apps/api/gone").symlink_to("/nowhere/at/all")
    (repository / "apps/api/data").symlink_to("lib")
    commit(repository, {"apps/api/shop.db": "", "apps/api/lib/x": ""})
    said = {"start": "./serve", "build": "make", "test": "make test"}
    with pytest.raises(InputError, match=f"writable names {path}, .* apps/api/.* is no folder"):
        taken(repository, "apps/api", writable=("lib", path), **said)
    assert taken(repository, "apps/api", writable=("lib", "data/more", "new/one"), **said)


def test_a_folder_that_is_a_link_is_none(repository: Path) -> None:
    (repository / "apps/link").symlink_to(repository.parent)
    commit(repository, {})
    (repository.parent / "spotkiln.yaml").write_text("hush: 1")
    with pytest.raises(InputError, match="has no folder 'apps/link'") as caught:
        taken(repository, "apps/link", start="./serve", build="make", test="make test")
    assert "hush" not in str(caught.value)


def test_only_what_is_released_must_be_readable(repository: Path) -> None:
    """A file of another application that git-crypt has encrypted stands in nobody's way."""
    (repository / "apps/api/key").write_bytes(b"\0GITCRYPT\0...")
    commit(repository, {})
    assert files(taken(repository, "apps/web")) == WHOLE
    with pytest.raises(InputError, match="git-crypt has encrypted"):
        taken(repository, "apps/api")


def test_a_folder_in_a_submodule(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_ALLOW_PROTOCOL", "file")
    other = repository.parent / "other"
    other.mkdir()
    run_git(other, "init", "--quiet", "--initial-branch=main")
    commit(other, {"web/package.json": WEB, "web/spotkiln.yaml": "port: 9000\n", "x": ""})
    run_git(
        *(repository, "-c", "protocol.file.allow=always"),
        *("submodule", "--quiet", "add", str(other), "sub"),
    )
    commit(repository, {})
    source = taken(repository, "sub/web")
    assert source.app.port == 9000
    assert files(source) == ["sub/web/package.json", "sub/web/spotkiln.yaml"]
