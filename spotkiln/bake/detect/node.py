"""Node: an application with a package.json."""

import itertools
import json
import re
from typing import Any

from spotkiln.bake.detect.detected import Detected, Notes
from spotkiln.bake.detect.locked import of_node, say_lock
from spotkiln.bake.detect.programs import Programs
from spotkiln.bake.detect.wanted import say_services
from spotkiln.bake.interpreter import Interpreter
from spotkiln.bake.shell import why_not_one_command
from spotkiln.bake.tree import Tree

# Lock file, all packages, those of production alone, and what runs a script.
MANAGERS = {
    "package-lock.json": ("npm ci --include=dev", "npm prune --omit=dev", "npm run"),
    "npm-shrinkwrap.json": ("npm ci --include=dev", "npm prune --omit=dev", "npm run"),
    "pnpm-lock.yaml": (
        "pnpm install --frozen-lockfile --prod=false",
        # In a workspace it asks a person otherwise, and there is none.
        "CI=true pnpm prune --prod",
        "pnpm run",
    ),
    "yarn.lock": (
        "yarn install --frozen-lockfile --production=false",
        "yarn install --frozen-lockfile --production=true",
        "yarn run",
    ),
    "bun.lock": ("bun install --frozen-lockfile", "bun install --production", "bun run"),
    "bun.lockb": ("bun install --frozen-lockfile", "bun install --production", "bun run"),
}
NO_LOCK = ("npm install --include=dev", "npm prune --omit=dev", "npm run")
JEST = (
    'JEST_JUNIT_OUTPUT_FILE="$JUNIT" node_modules/.bin/jest --ci --reporters=default'
    " --reporters=jest-junit"
)
# Each writes JUnit's XML by itself, or with what is beside it.
RUNNERS = {
    "vitest": ("", 'node_modules/.bin/vitest run --reporter=junit --outputFile="$JUNIT"'),
    "jest": ("jest-junit", JEST),
    "mocha": ("", 'node_modules/.bin/mocha --reporter xunit --reporter-option output="$JUNIT"'),
}
_MIGRATES = re.compile(r"(?:\w+:)?migrat(?:e|ion|ions)(?::(?:deploy|latest|up|run|prod))?")
_BUILDS = re.compile(r"build[:-][\w:-]+|[\w-]+[:-]build")
NODE_MODULES = re.compile(r"^nodeLinker:\s*['\"]?node-modules\b", re.MULTILINE)
NODE_TEST = 'node --test --test-reporter=junit --test-reporter-destination="$JUNIT"'
# Since version 2 the other options are errors; all packages stay.
YARN_2 = ("yarn install --immutable", "", "yarn run")
# What a shell finds without a package, and what only the package manager's does.
ON_THE_PATH = {"node", "npm", "npx", "yarn", "pnpm", "bun"}
OF_THE_SYSTEM = {"sh", "bash", "env", "python", "python3"}
# Programs of packages that are called otherwise.
PACKAGE_OF = {
    "nest": "@nestjs/cli",
    "tsc": "typescript",
    "babel-node": "@babel/node",
    "ng": "@angular/cli",
    "react-router-serve": "@react-router/serve",
    "remix-serve": "@remix-run/serve",
}
# Of those that start it, the one for production before the one for all.
STARTS = ("start:prod", "start:production", "start", "prod", "production")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=\S*")


class _Package:
    def __init__(self, text: str) -> None:
        try:
            found = json.loads(text)
        except ValueError:
            found = {}
        self._found: dict[str, Any] = found if isinstance(found, dict) else {}
        self.scripts = self.texts("scripts")
        self.engines = self.texts("engines")
        self.runtime = self.texts("dependencies")
        self.all = {**self.runtime, **self.texts("devDependencies")}

    def pruned(self, script: str) -> str:
        """The program that a script starts, if only a package of devDependencies has it."""
        words = (word for word in script.split() if "=" not in word)
        program = next(words, "")
        package = PACKAGE_OF.get(program, program)
        return program if package in self.all and package not in self.runtime else ""

    def starting(self) -> str:
        """The name of the script that starts it; empty if there is none."""
        return next((one for one in STARTS if self.scripts.get(one)), "")

    def of_a_workspace(self) -> str:
        """A package that no registry has by such a version; empty if there is none."""
        signs = ("workspace:", "catalog:")
        return next((one for one, version in self.all.items() if version.startswith(signs)), "")

    def has(self, name: str) -> str:
        return f"package.json has {name}" if name in self.runtime else ""

    def texts(self, key: str) -> dict[str, str]:
        found = self._found.get(key)
        return (
            {k: v for k, v in found.items() if isinstance(v, str)}
            if isinstance(found, dict)
            else {}
        )

    def text(self, key: str) -> str:
        found = self._found.get(key)
        return found if isinstance(found, str) else ""


def node_programs(tree: Tree) -> Programs:
    """A package's program by its place; any other as it is."""
    every = _Package(tree.text("package.json")).all

    def program(name: str) -> str:
        of_a_package = name not in ON_THE_PATH and PACKAGE_OF.get(name, name) in every
        return f"node_modules/.bin/{name}" if of_a_package else name

    return program


def _itself(script: str) -> str:
    """The command of a script: started itself it gets systemd's signals. Empty if only the shell of
    the package manager knows what to do with it."""
    if why_not_one_command(script):
        return ""
    words = script.split()
    before = list(itertools.takewhile(_ASSIGNMENT.fullmatch, words))
    program = words[len(before)]
    if program in OF_THE_SYSTEM or any(sign in one for one in before for sign in "'\"$`"):
        return ""
    if program in ON_THE_PATH or "/" in program:
        return script
    rest = script.split(maxsplit=len(before))[-1]
    return " ".join([*before, f"node_modules/.bin/{rest}"])


def _start(package: _Package, tree: Tree, run: str) -> tuple[str, str] | None:
    name = package.starting()
    if script := package.scripts.get(name, ""):
        return _itself(script) or f"{run} {name}", f"package.json has the script {name}"
    if "next" in package.runtime:
        return "node_modules/.bin/next start", "package.json has next"
    main = package.text("main")
    if main and main.removeprefix("./") in tree.names:
        return f"node {main}", "package.json has main"
    if name := tree.has("server.js", "server.mjs", "index.js", "app.js"):
        return f"node {name}", f"{name} is there"
    return None


def _test(package: _Package, notes: Notes) -> None:
    script = package.scripts.get("test", "")
    for runner, (reporter, command) in RUNNERS.items():
        if runner not in package.all:
            continue
        if reporter and reporter not in package.all:
            notes.miss(
                "test", f"package.json has {runner} and no {reporter}: add it for a JUnit report"
            )
        else:
            notes.say(
                "test",
                command,
                f"package.json has {' and '.join(filter(None, (runner, reporter)))}",
            )
        return
    if "node --test" in script:
        rest = script.partition("node --test")[2]
        # What its script says besides, such as where the tests are.
        if not any(sign in rest for sign in "&|;"):
            notes.say("test", f"{NODE_TEST}{rest}", "package.json's test is node --test")
            return
    notes.miss("test", "no test runner is known that writes a JUnit report: write one to $JUNIT")


def _migration(package: _Package, tree: Tree, run: str, *, pruned: bool, notes: Notes) -> None:
    """Prisma's is known; of a script of such a name a person knows what it does."""
    if tree.fitting(r"prisma/migrations/[^/]+/migration\.sql"):
        command = "node_modules/.bin/prisma migrate deploy"
        if "prisma" in package.runtime or (not pruned and "prisma" in package.all):
            notes.say("migrate", command, "prisma/migrations is there")
            return
        why = "prisma/migrations is there, and prisma is one of the devDependencies"
        notes.say("migrate", "", f"{why} and so not in the image")
        notes.warn(f"migrate: {why}: make it one of the dependencies, and migrate by `{command}`")
        return
    notes.say("migrate", "", "package.json tells of no migration")
    name = next((one for one in sorted(package.scripts) if _MIGRATES.fullmatch(one)), "")
    if name:
        notes.warn(
            f"migrate: package.json has the script {name}, and a release does not run it: "
            f"`migrate: {run} {name}`, if it needs no development package"
        )


def _has_build(package: _Package, run: str, notes: Notes) -> bool:
    """Of scripts of a like name a person knows what they make."""
    others = [one for one in sorted(package.scripts) if _BUILDS.fullmatch(one)]
    if others and "build" not in package.scripts:
        notes.warn(
            f"build: package.json has {', '.join(others)} and no script build, and a release runs "
            f"none of them: `{run} {others[0]}` before what is not needed any more is removed, if "
            "it makes what the application serves"
        )
    return "build" in package.scripts


def _build(
    package: _Package, tree: Tree, lock: str, manager: tuple[str, str, str], notes: Notes
) -> None:
    """The packages of a lock file come by themselves, before the build."""
    everything, prune, run = manager
    told = why = f"{lock} is there" if lock else "package.json has no lock file beside it"
    build = [] if lock else [everything]
    if _has_build(package, run, notes):
        build.append(f"{run} build")
        why += ", package.json has the script build"
    if manager == YARN_2 and not NODE_MODULES.search(tree.text(".yarnrc.yml")):
        notes.miss(
            "build",
            "yarn keeps packages where node alone does not look for them: let .yarnrc.yml say "
            "`nodeLinker: node-modules`",
        )
    elif not lock and (one := package.of_a_workspace()):
        notes.miss(
            "build",
            f"{one} is a package of the repository's workspace, whose lock file is at the top: "
            "name that file, package.json and the packages' folders in depends_on, and install "
            "from there, as `(cd ../.. && pnpm install --frozen-lockfile) && pnpm run build`",
        )
    else:
        if lock:
            notes.say("dependencies", everything, told)
            say_lock(tree, notes, *of_node(tree, lock))
        else:
            notes.no_layer(f"{told}: each bake looks for the newest packages")
        notes.say("build", " && ".join(filter(None, [*build, prune])), why)


def detect_node(tree: Tree) -> Detected | None:
    if not tree.has("package.json"):
        return None
    package = _Package(tree.text("package.json"))
    notes = Notes("Node")
    lock = tree.has(*MANAGERS)
    yarn_2 = lock == "yarn.lock" and bool(tree.has(".yarnrc.yml"))
    everything, prune, run = YARN_2 if yarn_2 else MANAGERS.get(lock, NO_LOCK)
    _build(package, tree, lock, (everything, prune, run), notes)
    if lock or not package.of_a_workspace():
        notes.say("test_setup", everything, "the tests may need all packages")
    _migration(package, tree, run, pruned=bool(prune), notes=notes)
    if prune and (program := package.pruned(package.scripts.get(package.starting(), ""))):
        notes.miss(
            "start",
            f"package.json's script {package.starting()} runs {program}, which is one of its "
            "devDependencies and so not in the image: start without it, or make it one of the "
            "dependencies",
        )
    elif start := _start(package, tree, run):
        notes.say("start", *start)
    else:
        notes.miss("start", "package.json has neither a script start nor main")
    notes.say("notify", False, "Node does not tell systemd when it is ready")
    _test(package, notes)
    notes.say("health_path", "/", "none is known: name one that needs no login and no database")
    notes.say("environment", {"NODE_ENV": "production"}, "package.json is there")
    notes.say("test_environment", {"NODE_ENV": "test"}, "package.json is there")
    say_services(package.has, notes)
    if (tool := run.split()[0]) != "npm":
        notes.need(tool, lock)
    if wanted := package.engines.get("node"):
        notes.need_version(Interpreter.NODE, wanted, "package.json's engines")
    return notes.told()
