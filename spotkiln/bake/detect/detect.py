"""Detect: which kind of application this is, and what its files tell of it."""

import re
from collections.abc import Iterator

from pydantic import ValidationError

from spotkiln.bake.description import Description
from spotkiln.bake.detect.beside import by_procfile
from spotkiln.bake.detect.detected import Detected, Finding, Notes
from spotkiln.bake.detect.go import detect_go, go_programs
from spotkiln.bake.detect.node import detect_node, node_programs
from spotkiln.bake.detect.programs import Programs, as_they_are, told_in_full
from spotkiln.bake.detect.python import detect_python, python_programs
from spotkiln.bake.detect.ruby import detect_ruby, ruby_programs
from spotkiln.bake.detect.writable import written_folders
from spotkiln.bake.interpreter import Interpreter, Need
from spotkiln.bake.shell import why_not_one_command
from spotkiln.bake.tree import Tree

# In this order: a Rails or Django application often has a package.json for its assets.
KINDS = (detect_ruby, detect_python, detect_go, detect_node)
# Files that hold a version and nothing else, or `name version` by lines.
VERSIONS = {
    ".ruby-version": Interpreter.RUBY,
    ".node-version": Interpreter.NODE,
    ".nvmrc": Interpreter.NODE,
    ".python-version": Interpreter.PYTHON,
    ".java-version": Interpreter.JAVA,
}
TOOLS = {
    "ruby": Interpreter.RUBY,
    "nodejs": Interpreter.NODE,
    "node": Interpreter.NODE,
    "python": Interpreter.PYTHON,
    "golang": Interpreter.GO,
    "go": Interpreter.GO,
    "java": Interpreter.JAVA,
}


def _procfile(tree: Tree) -> dict[str, str]:
    lines = re.finditer(
        r"^([A-Za-z0-9_-]+):[ \t]*(.+?)[ \t]*$", tree.text("Procfile"), re.MULTILINE
    )
    return {found[1]: found[2] for found in lines}


def _programs(kind: str, tree: Tree) -> Programs:
    """What a Procfile has on its PATH, and a unit has not."""
    match kind:
        case "Rails" | "Rack":
            return ruby_programs(tree)
        case "Django" | "Python":
            return python_programs
        case "Go":
            return go_programs(tree)
        case "Node":
            return node_programs(tree)
    return as_they_are


def _by_procfile(tree: Tree, programs: Programs) -> tuple[list[Finding], dict[str, str]]:
    """What it says of the start, the migration and other processes; and why what it says of the
    start cannot be taken."""
    said = {key: told_in_full(line, programs) for key, line in _procfile(tree).items()}
    findings, missing = [], {}
    if web := said.get("web"):
        if why := why_not_one_command(web):
            missing["start"] = f"Procfile's web is no single command: {why}"
        else:
            findings.append(Finding(key="start", value=web, why="Procfile has web"))
    if release := said.get("release"):
        findings.append(Finding(key="migrate", value=release, why="Procfile has release"))
    if beside := by_procfile(said):
        findings.append(beside)
    return findings, missing


def _versions(tree: Tree) -> Iterator[Need]:
    """The interpreters that files name."""
    for name, what in VERSIONS.items():
        lines = tree.text(name).split()
        if lines and not lines[0].startswith("#"):
            yield Need.of(what, lines[0].removeprefix("ruby-").removeprefix("v"), name)
    for line in tree.text(".tool-versions").splitlines():
        words = line.split()
        if len(words) > 1 and words[0] in TOOLS:
            yield Need.of(TOOLS[words[0]], words[1], ".tool-versions")


def detect(tree: Tree) -> Detected:
    """What the files tell. A Procfile's word counts before what the kind of application would
    suggest, for a person wrote it."""
    found = next((one for kind in KINDS if (one := kind(tree))), Detected())
    findings, missing = _by_procfile(tree, _programs(found.kind, tree))
    said = {one.key for one in findings}
    if not found.kind and (findings or missing):
        found = _only_procfile()
    every = [
        *findings,
        *(one for one in found.findings if one.key not in said),
        *written_folders(found.kind, tree),
    ]
    usable = [one for one in every if not _why_not(one)]
    refused = {one.key: f"{one.why}: {why}" for one in every if (why := _why_not(one))}
    known = {one.key for one in usable}
    missing = {**missing, **found.missing, **refused} if found.kind else {}
    return Detected(
        kind=found.kind,
        findings=tuple(usable),
        missing={key: why for key, why in missing.items() if key not in known},
        suggested=tuple(one for one in found.suggested if one.key not in known),
        warned=found.warned,
        no_layer=found.no_layer,
        needs=tuple(dict.fromkeys((*found.needs, *_versions(tree)))),
    )


def _only_procfile() -> Detected:
    notes = Notes("Procfile")
    for key in ("build", "test"):
        notes.miss(key, "a Procfile does not tell it")
    for key in ("migrate", "test_setup"):
        notes.say(key, "", "a Procfile does not tell it")
    notes.say("notify", False, "that it is ready, its health path tells")
    return notes.told()


def _why_not(one: Finding) -> str:
    """Why spotkiln.yaml could not say this; empty if it could. What is found may hold anything."""
    try:
        Description.model_validate({one.key: one.value})
    except ValidationError as error:
        return error.errors()[0]["msg"].removeprefix("Value error, ")
    return ""
