"""What a base image has, beside what an application's files ask for."""

from pathlib import Path

import pytest

from spotkiln.bake.checkout import require_interpreters
from spotkiln.bake.infra import BaseImage
from spotkiln.bake.interpreter import (
    Fit,
    Interpreter,
    Need,
    fit,
    from_tags,
    in_words,
    installed,
    needed,
    to_tags,
)
from spotkiln.bake.source import Source
from spotkiln.errors import InputError
from tests.unit.nouns import settled

BASE = "rails-base 1 (ami-1)"
HAS = {Interpreter.RUBY: "3.3.8", Interpreter.NODE: "20.19.2", Interpreter.PYTHON: "3.13.5"}
RUBY, NODE, PYTHON, GO = Interpreter.RUBY, Interpreter.NODE, Interpreter.PYTHON, Interpreter.GO


def told(*needs: Need, build: str = "make") -> Fit:
    return fit(needs, HAS, BASE, build)


def named(interpreter: Interpreter, wanted: str) -> Need:
    return Need.of(interpreter, wanted, "a file")


def demanded(interpreter: Interpreter, wanted: str) -> Need:
    return Need.of(interpreter, wanted, "a file", demanded=True)


@pytest.mark.parametrize(
    "need",
    [
        named(RUBY, "3.3.8"),
        named(RUBY, "3.3.99"),  # patches come by night
        named(RUBY, "3.3"),
        named(NODE, "20.11.1"),
        named(NODE, "v20"),
        named(NODE, ">=18"),
        named(NODE, "lts/iron"),
        named(PYTHON, "3"),
        demanded(RUBY, "3.3.8"),
        demanded(RUBY, ">= 3.1, < 3.4"),
        demanded(PYTHON, ">=3.11"),
        Need(what="pnpm", file="pnpm-lock.yaml"),
    ],
)
def test_what_fits(need: Need) -> None:
    assert told(need) == Fit()


@pytest.mark.parametrize(
    ("need", "why"),
    [
        (named(RUBY, "3.4.1"), "has Ruby 3.3.8, and a file asks for 3.4.1: it is too old"),
        (named(NODE, "22"), "has Node 20.19.2, and a file asks for 22: it is too old"),
        (named(NODE, "^22 || >=24"), "too old"),
        (named(PYTHON, "3.14"), "too old"),
        (demanded(RUBY, "3.2.2"), "too new"),
        (demanded(RUBY, "3.3.9"), "too old"),
        (demanded(PYTHON, ">=3.11,<3.13"), "too new"),
    ],
)
def test_what_is_refused(need: Need, why: str) -> None:
    (refused,) = told(need).refused
    assert refused.startswith(BASE)
    assert why in refused


@pytest.mark.parametrize(
    ("need", "why"),
    [
        (named(RUBY, "3.2.2"), "has Ruby 3.3.8, and a file asks for 3.2.2"),
        (named(NODE, ">=16 <20"), "has Node 20.19.2, and a file asks for >=16 <20"),
        (named(NODE, "18.x"), "asks for 18.x"),
        (demanded(GO, "1.22"), "has no Go, and a file asks for 1.22"),
    ],
)
def test_what_is_only_said(need: Need, why: str) -> None:
    assert told(need).refused == ()
    (warned,) = told(need).warned
    assert why in warned


@pytest.mark.parametrize(("has", "ok"), [("1.21.3", False), ("1.22.0", True), ("1.24", True)])
def test_a_modules_go_is_the_oldest_that_will_do(has: str, ok: bool) -> None:
    found = fit([demanded(GO, "1.22")], {GO: has}, BASE, "go build")
    assert (found == Fit()) is ok


@pytest.mark.parametrize(
    "build", ["uv sync --frozen", "mise install && mise exec -- npm ci", "rbenv install"]
)
def test_what_the_build_brings_itself_is_not_refused(build: str) -> None:
    found = told(named(RUBY, "3.4.1"), demanded(GO, "1.22"), build=build)
    assert found.refused == ()
    (warned,) = found.warned
    assert f"let `{build.split()[0]}` bring it" in warned


def test_of_an_image_without_tags_nothing_is_said() -> None:
    assert fit([demanded(RUBY, "9.9")], {}, BASE, "") == Fit()


def test_the_list_tags_and_words() -> None:
    listed = "has node=20.19.2\nhas perl=5.40\nhas ruby=3.3.8\nruby=1:3.3 all\nhas go=\n"
    has = {NODE: "20.19.2", RUBY: "3.3.8"}
    assert installed(listed) == has
    assert to_tags(has) == {"spotkiln:node": "20.19.2", "spotkiln:ruby": "3.3.8"}
    assert from_tags({**to_tags(has), "Name": "x"}) == has
    assert in_words(has) == "Node 20.19.2, Ruby 3.3.8"
    assert needed([named(NODE, "20"), named(GO, "1.22")], has) == (
        "Node 20 (a file); it has 20.19.2",
        "Go 1.22 (a file)",
    )


def test_a_release_is_refused_with_what_to_do() -> None:
    source = Source(
        repository="shop",
        ref="main",
        commit="0" * 40,
        digest="0" * 40,
        archive=Path("/nowhere"),
        app=settled(build="bundle install"),
        needs=(named(RUBY, "3.4.1"), named(NODE, "18")),
    )
    base = BaseImage(id="ami-1", name="rails-base 1", architecture="x86_64", has=HAS)
    said: list[str] = []
    with pytest.raises(InputError, match="too old") as error:
        require_interpreters(source, base, said.append)
    for word in ("infra.base_image", "spotkiln base", "source_image", "setup", "change that file"):
        assert word in str(error.value)
    (warned,) = said
    assert warned.startswith("rails-base 1 (ami-1) has Node 20.19.2, and a file asks for 18: ")
    require_interpreters(source, base.model_copy(update={"has": {}}), said.append)
