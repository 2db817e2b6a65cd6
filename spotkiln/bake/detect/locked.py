"""Locked: the files that a command needs which installs dependencies, and when nobody can tell.

What is missing here would be missing where dependencies are installed by themselves. So wherever a
file may be needed that is not known by its name, no list is told.
"""

import json
import posixpath
import re
from collections.abc import Iterable, Mapping

from spotkiln.bake.detect.detected import Notes
from spotkiln.bake.tree import Tree

# Files, and folders with a slash behind them.
RUBY = (".ruby-version", ".tool-versions", ".bundle/", "vendor/cache/")
PYTHON = (".python-version", ".tool-versions", "uv.toml", "poetry.toml", "pip.conf")
NODE = (
    "package.json", ".npmrc", ".node-version", ".nvmrc", ".tool-versions", "pnpm-workspace.yaml",
    ".pnpmfile.cjs", ".yarnrc", ".yarnrc.yml", ".yarn/", "bunfig.toml", "patches/",
    "prisma/schema.prisma", "prisma/schema/",
)  # fmt: skip
# Of a Gemfile, once what reads a version is taken out.
_VERSION = re.compile(
    r"File\.read\(\s*['\"]\.(ruby-version|tool-versions)['\"]\s*\)|ruby\s+file:.*"
)
_READS = re.compile(
    r"\b(eval_gemfile|instance_eval|gemspec|require_relative|load)\b|\b(File|Dir|IO)\b"
)
# A gem in a folder, as Gemfile.lock has it.
_PATH_GEM = re.compile(r"^PATH\n  remote: (.+)$", re.MULTILINE)
# Packages in a folder, as these lock files have them.
_UV_LOCAL = re.compile(r"source = \{ (?:editable|directory|path|virtual) = \"(?!\.\")([^\"]+)\"")
_POETRY_LOCAL = re.compile(r"^type = \"(?:directory|file)\"$", re.MULTILINE)
_PIP_LOCAL = re.compile(
    r"^\s*(?:-e\b|--editable\b|\.{0,2}/|\.\s*$|\.\[|file:|[\w.-]+\s*@\s*file:)", re.MULTILINE
)
_PIP_FILES = re.compile(r"^\s*(?:-r|--requirement|-c|--constraint)[\s=]+(\S+)", re.MULTILINE)
# What npm and its like run by themselves when they install.
HOOKS = ("preinstall", "install", "postinstall", "prepublish", "prepare", "pnpm:devPreinstall")
_HARMLESS = re.compile(
    r"(is-ci \|\| )?(husky( install)?|lefthook install|simple-git-hooks|patch-package"
    r"|prisma generate)( \|\| (true|exit 0))?"
)
_LOCAL_PACKAGE = re.compile(r"(file:|link:|portal:|\.{1,2}/|/|~/).*")


def say_lock(tree: Tree, notes: Notes, files: Iterable[str], why_not: str) -> None:
    """Say `lock`, of those of the files and folders that are there; or why it is not known."""
    if why_not:
        notes.no_layer(f"{why_not}: name all that `dependencies` needs, and it gets a layer")
        return
    there = [one.removesuffix("/") for one in files if _is_there(tree, one)]
    notes.say("lock", tuple(dict.fromkeys(there)), "all that `dependencies` needs")


def _is_there(tree: Tree, path: str) -> bool:
    if path.endswith("/"):
        return any(one.startswith(path) for one in tree.names)
    return path in tree.names


def of_ruby(tree: Tree, file: str, lock: str) -> tuple[tuple[str, ...], str]:
    """The files, and why they are not known. `file` is the Gemfile, `lock` its lock file."""
    if found := _READS.search(_VERSION.sub("", _without_comments(tree.text(file)))):
        return (), f"{file} may read other files, by {found[0]}"
    folders = [posixpath.normpath(one) for one in _PATH_GEM.findall(tree.text(lock))]
    if wrong := next((x for x in folders if x == "." or x.startswith(("..", "/"))), ""):
        return (), f"{lock} has a gem in the folder {wrong}"
    return (file, lock, *(f"{one}/" for one in folders), *RUBY), ""


def _without_comments(text: str) -> str:
    return re.sub(r"^\s*#.*$", "", text, flags=re.MULTILINE)


def of_requirements(tree: Tree, path: str) -> tuple[tuple[str, ...], str]:
    """The same for a file that pip reads, and what it takes in."""
    known: dict[str, None] = {}
    waiting = [path]
    while waiting:
        one = waiting.pop(0)
        if one in known:
            continue
        if one not in tree.names:
            return (), f"{path} takes in {one}, which is not there"
        known[one] = None
        text = tree.texts.get(one)
        if text is None:
            return (), f"{path} takes in {one}, which is not looked into"
        if found := _PIP_LOCAL.search(text):
            return (), f"{one} has {found[0].strip()}, a package of this repository"
        beside = posixpath.dirname(one)
        waiting += [
            posixpath.normpath(posixpath.join(beside, name)) for name in _PIP_FILES.findall(text)
        ]
    return (*known, *PYTHON), ""


def of_uv(tree: Tree) -> tuple[tuple[str, ...], str]:
    if found := _UV_LOCAL.search(tree.text("uv.lock")):
        return (), f"uv.lock has a package in the folder {found[1]}"
    return ("pyproject.toml", "uv.lock", *PYTHON), _too_large(tree, "uv.lock")


def of_poetry(tree: Tree) -> tuple[tuple[str, ...], str]:
    if _POETRY_LOCAL.search(tree.text("poetry.lock")):
        return (), "poetry.lock has a package of this repository"
    return ("pyproject.toml", "poetry.lock", *PYTHON), _too_large(tree, "poetry.lock")


def _too_large(tree: Tree, lock: str) -> str:
    return "" if tree.text(lock) else f"{lock} is too large to be looked into"


def of_node(tree: Tree, lock: str) -> tuple[tuple[str, ...], str]:
    """The same where npm, pnpm, yarn or bun installs. Of a workspace each package.json counts: its
    scripts may be run, too."""
    packages = [
        x for x in tree.fitting(r"(.+/)?package\.json") if "node_modules" not in x.split("/")
    ]
    workspace = "pnpm-workspace.yaml" in tree.names or "workspaces" in _read(tree, "package.json")
    if not workspace:
        packages = ["package.json"]
    for path in packages:
        if path not in tree.texts:
            return (), f"it is a workspace, and {path} is not looked into"
        if why := _runs_or_takes(_read(tree, path)):
            return (), f"{path} {why}"
    return (lock, *packages, *NODE), ""


def _read(tree: Tree, path: str) -> Mapping[str, object]:
    try:
        found = json.loads(tree.text(path))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _runs_or_takes(package: Mapping[str, object]) -> str:
    """Why installing this package may need any file; empty if it does not."""
    scripts = package.get("scripts")
    run = scripts if isinstance(scripts, dict) else {}
    for hook in HOOKS:
        command = str(run.get(hook) or "").strip()
        if command and not all(_HARMLESS.fullmatch(x.strip()) for x in command.split("&&")):
            return f"has the script {hook}, which may need any file"
    for key in ("dependencies", "devDependencies", "optionalDependencies"):
        asked = package.get(key)
        for name, version in asked.items() if isinstance(asked, dict) else ():
            if _LOCAL_PACKAGE.fullmatch(str(version)):
                return f"has {name} from {version}"
    return ""
