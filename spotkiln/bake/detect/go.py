"""Go: one program, compiled at build time."""

import re

from spotkiln.bake.detect.detected import Detected, Notes
from spotkiln.bake.detect.wanted import say_services
from spotkiln.bake.interpreter import Interpreter
from spotkiln.bake.tree import Tree

# What a program that serves is often called.
SERVING = ("server", "web", "api", "app", "http", "httpd")
REPORTER = "gotest.tools/gotestsum"


def detect_go(tree: Tree) -> Detected | None:
    text = tree.text("go.mod")
    if not tree.has("go.mod"):
        return None
    notes = Notes("Go")
    programs = tree.fitting(r"cmd/[^/]+/main\.go")
    if tree.has("main.go"):
        package, why = ".", "main.go is there"
    elif len(programs) == 1:
        package, why = f"./{programs[0].removesuffix('/main.go')}", f"{programs[0]} is there"
    else:
        package = ""
        names = [one.split("/")[1] for one in programs]
        listed = f" ({', '.join(names)})" if names else ""
        why = f"go.mod, and {len(programs) or 'no'} programs below cmd/{listed}"
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
