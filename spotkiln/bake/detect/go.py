"""Go: one program, compiled at build time."""

import re

from spotkiln.bake.detect.detected import Detected, Notes
from spotkiln.bake.detect.programs import Programs
from spotkiln.bake.detect.wanted import say_services
from spotkiln.bake.interpreter import Interpreter
from spotkiln.bake.tree import Tree

# What a program that serves is often called.
SERVING = ("server", "web", "api", "app", "http", "httpd")
REPORTER = "gotest.tools/gotestsum"


def go_programs(tree: Tree) -> Programs:
    """Its program, which `go install` calls after the module or its folder, as it is built here."""
    package, _, _ = _program(tree)
    module = re.search(r"^module\s+(\S+)", tree.text("go.mod"), re.MULTILINE)
    path = re.sub(r"/v\d+$", "", module[1]) if module else ""
    own = (path if package == "." else package).rpartition("/")[2]

    def program(name: str) -> str:
        return "bin/app" if own and name in {own, f"bin/{own}", f"./bin/{own}"} else name

    return program


def _program(tree: Tree) -> tuple[str, str, list[str]]:
    """The package that serves, with the reason; empty if several may, which are named."""
    programs = tree.fitting(r"cmd/[^/]+/main\.go")
    names = [one.split("/")[1] for one in programs]
    if tree.has("main.go"):
        return ".", "main.go is there", []
    if len(programs) == 1:
        return f"./cmd/{names[0]}", f"{programs[0]} is there", []
    listed = f" ({', '.join(names)})" if names else ""
    return "", f"go.mod, and {len(programs) or 'no'} programs below cmd/{listed}", names


def detect_go(tree: Tree) -> Detected | None:
    text = tree.text("go.mod")
    if not tree.has("go.mod"):
        return None
    notes = Notes("Go")
    package, why, names = _program(tree)
    if package:
        notes.say("build", f"go build -o bin/app {package}", why)
        notes.say("start", "bin/app", why)
    else:
        likely = next((one for one in SERVING if one in names), next(iter(names), ""))
        of = f"./cmd/{likely}" if likely else "./PACKAGE"
        notes.miss("build", f"{why}: say which one serves, as `go build -o bin/app {of}`")
        notes.miss("start", f"{why}: say which one serves, as `bin/app`")
    notes.say("test_setup", "", "go fetches what tests need")
    # A tool has no version beside it; what is only required has one.
    tool = re.search(rf"^\s*(?:tool\s+)?{REPORTER}\s*$", text, re.MULTILINE)
    required = REPORTER in text
    runner = "go tool gotestsum" if tool else f"go run {REPORTER}" if required else "gotestsum"
    told = "go.mod has it" if required else "go test writes no JUnit report, gotestsum does"
    notes.say("test", f'{runner} --junitfile="$JUNIT" ./...', told)
    if not required:
        notes.need("gotestsum", "for the tests' JUnit report")
    notes.say("migrate", "", "go.mod tells of no migration")
    notes.say("notify", False, "that it is ready, its health path tells")
    notes.say("health_path", "/", "none is known: name one that needs no login and no database")
    say_services(lambda name: f"go.mod has {name}" if name in text else "", notes)
    if found := re.search(r"^go\s+(\d[\w.]*)", text, re.MULTILINE):
        notes.need_version(Interpreter.GO, found[1], "go.mod", demanded=True)
    return notes.told()
