"""Interpreter: what a base image runs applications with, and whether that is what the files of an
application ask for."""

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Self

from spotkiln import tags as t
from spotkiln.bake.version import alone, compare, outside, parts
from spotkiln.noun import Noun

# As packer/scripts/base.sh writes them into its list.
HAS = re.compile(r"^has ([a-z]+)=(\d+(?:\.\d+)*)$", re.MULTILINE)
# What brings an interpreter of its own when an application is built.
BRINGS = re.compile(r"(?<![\w./-])(uv|mise|asdf|rbenv|rvm|rv|pyenv|nvm|fnm|volta|n|sdk)(?=\s)")


class Interpreter(StrEnum):
    RUBY = "ruby"
    NODE = "node"
    PYTHON = "python"
    GO = "go"
    JAVA = "java"

    @property
    def tag(self) -> str:
        """Of a base image; its value is the version."""
        return f"{t.PREFIX}{self.value}"


class Need(Noun):
    """What the base image must have, by the word of `file`: a program, or an interpreter of some
    versions. `demanded`: the build itself fails otherwise, as it does for a Gemfile's `ruby`; else
    it is a word for people and their tools, such as .ruby-version, and a newer one will do."""

    what: str
    wanted: str = ""
    file: str
    interpreter: Interpreter | None = None
    demanded: bool = False

    @classmethod
    def of(
        cls, interpreter: Interpreter, wanted: str, file: str, *, demanded: bool = False
    ) -> Self:
        return cls(
            what=interpreter.capitalize(),
            wanted=wanted,
            file=file,
            interpreter=interpreter,
            demanded=demanded,
        )

    def __str__(self) -> str:
        return f"{' '.join(filter(None, (self.what, self.wanted)))} ({self.file})"


class Fit(Noun):
    """How what a base image has fits what an application asks for, in words."""

    refused: tuple[str, ...] = ()
    warned: tuple[str, ...] = ()


def needed(needs: Iterable[Need], has: Mapping[Interpreter, str]) -> tuple[str, ...]:
    """What the base image must have, each beside what it has, as far as that is known."""
    return tuple(
        f"{one}; it has {has[one.interpreter]}"
        if one.interpreter and one.interpreter in has
        else str(one)
        for one in needs
    )


def installed(packages: str) -> dict[Interpreter, str]:
    """What the list of a base image's packages says of interpreters."""
    known = set(Interpreter)
    return {Interpreter(one[1]): one[2] for one in HAS.finditer(packages) if one[1] in known}


def in_words(has: Mapping[Interpreter, str]) -> str:
    told = (f"{name.capitalize()} {version}" for name, version in has.items())
    return ", ".join(told) or "no interpreter that is known"


def to_tags(has: Mapping[Interpreter, str]) -> t.Tags:
    return {name.tag: version for name, version in has.items()}


def from_tags(tags: Mapping[str, str]) -> dict[Interpreter, str]:
    """Empty for an image that was made by hand, or before there were these tags."""
    return {one: tags[one.tag] for one in Interpreter if tags.get(one.tag)}


def _by_name(need: Need, has: tuple[int, ...]) -> str | None:
    """What is wrong with a version that is only named; None if it is no single one. Patches do not
    count: those of a base image change by night."""
    if (wanted := alone(need.wanted)) is None:
        return None
    wide = min(1 if need.interpreter is Interpreter.NODE else 2, len(wanted))
    order = compare(has[:wide], wanted[:wide])
    return "too old" if order < 0 else "newer" if order > 0 else ""


def _wrong(need: Need, has: str) -> str:
    """`too old`, `too new`, `newer`, or empty if it fits or nobody can tell."""
    version = parts(has)
    if need.interpreter is Interpreter.GO:
        return outside(f">={need.wanted}", version)
    if not need.demanded and (wrong := _by_name(need, version)) is not None:
        return wrong
    return outside(need.wanted, version)


def fit(needs: Iterable[Need], has: Mapping[Interpreter, str], base: str, build: str) -> Fit:
    """`base` is the base image's name, `build` the application's command. Of an image without
    these tags nothing is known, and nothing said."""
    brings = BRINGS.search(build)
    refused, warned = [], []
    for need in needs if has else ():
        if need.interpreter is None:
            continue
        version = has.get(need.interpreter)
        asks = f"{need.file} asks for {need.wanted}"
        if version is None:
            if not brings:
                warned.append(f"{base} has no {need.what}, and {asks}")
            continue
        wrong = _wrong(need, version)
        text = f"{base} has {need.what} {version}, and {asks}"
        if wrong == "too old" or (wrong and need.demanded):
            if brings:
                warned.append(f"{text}: let `{brings[1]}` bring it in `build`")
            else:
                refused.append(f"{text}: it is {wrong}")
        elif wrong:
            warned.append(text)
    return Fit(refused=tuple(refused), warned=tuple(warned))
