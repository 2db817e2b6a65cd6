"""Signs: what frameworks and runtimes say when a known thing is wrong, and what to change then.

Their words are public: Ruby's, Rails' and puma's, Python's, Django's, gunicorn's and uvicorn's,
Node's, Go's, the JVM's, the shell's, the dynamic linker's.
"""

import re
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath

from spotkiln.bake import private_index
from spotkiln.bake.facts import Facts, Where
from spotkiln.bake.services import SERVICES

# A sign's summary and its resolution.
Words = tuple[str, str]
Tell = Callable[[re.Match[str], Facts], Words | None]

SETTING = r"[A-Z][A-Z0-9_]{2,}"
# A name in the middle of a sentence: without an underscore it may be no variable.
NAMED = r"[A-Z][A-Z0-9]*_[A-Z0-9_]+"
LIBRARY = r"lib[\w.+-]+\.so[\w.]*"
MEMORY = {
    Where.BUILDER: "Choose a larger type for the builder: `build.instance_type`",
    Where.TESTER: "Choose a larger type for the machine that tests, which is the builder's: "
    "`build.instance_type`; look at the servers' `fleet.instance_types` as well",
    Where.SERVER: "Choose larger types for the servers: `fleet.instance_types`",
    Where.TASK: "Choose a larger type for the machine that carries it out, which is the builder's: "
    "`build.instance_type`",
}
ENVIRONMENT = {
    Where.BUILDER: "`build_environment`, which is all that the build has: a stand-in will do; a "
    "secret that the build needs is named in the deployment's `build.secrets`",
    Where.TESTER: "`test_environment` or the deployment's `test_configuration`, which are all that "
    "the units and the tests have on the machine that tests",
    Where.SERVER: "the deployment's `configuration`, or to `environment` if it is no secret",
    Where.TASK: "the deployment's `configuration`, or to `environment` if it is no secret",
}
CONFIGURATION = {
    **dict.fromkeys(Where, "the deployment's `configuration`"),
    Where.TESTER: "the deployment's `test_configuration`",
}
# A line that calls itself one: whoever says it goes on.
WARNING = re.compile(r"\bwarn(?:ing)?\b", re.IGNORECASE)

# What tells that it went on, and what such a line says of an end or of one more try.
WENT_ON = re.compile(r"\bINFO\b")
ENDS = re.compile(r"(?i)exit|stop|shut|clos|terminat|end|wait|retry|again|attempt|reconnect|fail")


def went_on(lines: Iterable[str]) -> bool:
    """Whether lines after an error tell of other work."""
    return any(WENT_ON.search(one) and not ENDS.search(one) for one in lines)


class Sign:
    """A cause that a line shows which one of the patterns is found in; `warned` if a warning shows
    it too, `last` if it is none where the application went on afterwards."""

    def __init__(
        self, tell: Tell, *patterns: str, warned: bool = False, last: bool = False
    ) -> None:
        self._tell = tell
        self._warned = warned
        self.last = last
        self._pattern = re.compile("|".join(patterns))

    def read(self, line: str, facts: Facts) -> Words | None:
        told = self._warned or not WARNING.search(line)
        found = self._pattern.search(line) if told else None
        return self._tell(found, facts) if found else None


def _caught(match: re.Match[str]) -> str:
    """What the pattern that was found has caught; empty if that catches nothing."""
    return next(filter(None, match.groups()), "")


def _read_only(match: re.Match[str], facts: Facts) -> Words:
    path = _caught(match)
    what = f"it writes to {path}, which is read-only" if path else "it writes where it may not"
    return what, f"{_folder_to_change(path, facts)}"


def _folder_to_change(path: str, facts: Facts) -> str:
    state = f"the state folder /var/lib/{facts.app} ($STATE_DIRECTORY)"
    home = PurePosixPath("/srv", facts.app, facts.folder)
    place = PurePosixPath(path)
    inside = place.relative_to(home) if place.is_relative_to(home) else place
    # A file beside the program: what is added must be a folder.
    alone = len(inside.parts) == 1 and inside.suffix
    if not path or inside.is_absolute() or alone:
        return f"Let it write into a folder that `writable` names, or into {state}"
    # Of .next the cache alone: what is beside it is the program.
    hidden = inside.parts[0].startswith(".")
    folder = "/".join(inside.parts[: 2 if hidden else 1])
    return f"Add {folder} to `writable`, or let it write into {state}"


def _memory(_: re.Match[str], facts: Facts) -> Words:
    return "the machine has too little memory for it", MEMORY[facts.where]


def _heap(_: re.Match[str], facts: Facts) -> Words:
    return (
        "its runtime's own limit for memory is too small",
        (
            "Raise it in the start command or in the environment (Node: NODE_OPTIONS="
            f"--max-old-space-size=...; JVM: -XX:MaxRAMPercentage=...). {MEMORY[facts.where]}"
        ),
    )


def _setting(match: re.Match[str], facts: Facts) -> Words:
    name = _caught(match) or "SECRET_KEY_BASE"
    return f"the setting {name} is missing", f"Add {name} to {ENVIRONMENT[facts.where]}"


def _lacking(match: re.Match[str], facts: Facts) -> Words:
    return (
        f"its settings {_caught(match)} are missing",
        f"Put them where {CONFIGURATION[facts.where]} says, or take them out of `config`",
    )


def _unread(match: re.Match[str], facts: Facts) -> Words:
    return (
        f"the machine could not read its settings: {_caught(match)}",
        (
            "Its role (`infra.instance_profile`) needs the rights that docs/aws.md lists, and a "
            f"way to AWS; what is read is named by {CONFIGURATION[facts.where]}"
        ),
    )


def _django_key(_: re.Match[str], facts: Facts) -> Words:
    return (
        "Django's SECRET_KEY is empty",
        "Add the variable that the settings read it from to " + ENVIRONMENT[facts.where],
    )


def _rails_key(_: re.Match[str], facts: Facts) -> Words:
    return (
        "the key of Rails' credentials is missing",
        (
            f"Add RAILS_MASTER_KEY to {ENVIRONMENT[facts.where]}; config/master.key is not in the "
            "repository, and so not in the image"
        ),
    )


def _library(match: re.Match[str], _: Facts) -> Words:
    return (
        f"the shared library {_caught(match)} is missing",
        (
            "Add the Debian package that has it to the base image's packages (`apt-file search` "
            "tells which)"
        ),
    )


def _headers(match: re.Match[str], _: Facts) -> Words:
    return (
        f"what a native extension is compiled with is missing: {_caught(match) or 'its headers'}",
        (
            "Add the Debian package that has it to the base image's packages: build-essential, "
            "and ruby-dev, python3-dev, libpq-dev or another whose name ends in -dev"
        ),
    )


def _glibc(match: re.Match[str], _: Facts) -> Words:
    return (
        f"a program in it was built for a newer system ({_caught(match)})",
        "Build it in `build`, on the base image, or use a base image that is as new",
    )


def _interpreter(_: re.Match[str], __: Facts) -> Words:
    return (
        "the interpreter has another version than the application wants",
        (
            "Use a base image with that version (`infra.base_image`), or change the version in the "
            "application's own files"
        ),
    )


def _program(match: re.Match[str], _: Facts) -> Words:
    return (
        f"there is no program {_caught(match)}",
        (
            "Name one that is in the image: by its path, or through `bundle exec`, `npx`, "
            "`.venv/bin/`; what the system must have belongs into the base image's packages"
        ),
    )


def _dependency(match: re.Match[str], _: Facts) -> Words:
    if _caught(match).startswith((".", "/")):
        return (
            f"there is no file {_caught(match)}",
            (
                "Commit it, or let `build` make it; if it is what is started, name in `start` one "
                "that is there"
            ),
        )
    return (
        f"its dependency {_caught(match)} is not installed",
        (
            "Let `build` install it where the application finds it at run time: inside its own "
            "folder, or in its HOME, which is the same at build and at run"
        ),
    )


def _port_taken(_: re.Match[str], __: Facts) -> Words:
    return (
        "its port is taken already, by an earlier process of its own or by another program",
        "Start it once, and let it listen at $PORT alone",
    )


def _no_port(_: re.Match[str], __: Facts) -> Words:
    return (
        "it may not listen at that port, which is below 1024",
        "Let it listen at $PORT. To have it at such a port, say so in `port`, or in `health_port`",
    )


def _unreachable(match: re.Match[str], facts: Facts) -> Words:
    return (
        f"what it needs at {_caught(match) or 'another address'} does not answer",
        "Name a server that this machine can reach in " + ENVIRONMENT[facts.where],
    )


def _left_secret(match: re.Match[str], _: Facts) -> Words:
    return (
        f"the build leaves a secret of `build.secrets` in the image: {_caught(match)}",
        (
            "Let the tool read it from the environment (npm: ${NPM_TOKEN} in .npmrc), or let "
            "`build` remove the file at its end"
        ),
    )


def _service_not_there(match: re.Match[str], _: Facts) -> Words:
    name = match[1]
    return (
        f"the base image does not have {name}, which `test_services` names",
        (
            f"Add {SERVICES.get(name, name)} to the packages of the base image, bake it anew, or "
            f"take {name} out of `test_services`"
        ),
    )


def _service_down(match: re.Match[str], facts: Facts) -> Words:
    return (
        f"the tests' own {_caught(match)} does not start",
        (
            "Its last lines are above. The machine that tests may be too small for it: "
            f"{MEMORY[facts.where]}; or take it out of `test_services`"
        ),
    )


def _tests_limit(_: re.Match[str], __: Facts) -> Words:
    return (
        "the set-up and the tests take longer than their limit",
        "Make `test_seconds` longer than both together, or find what they wait for",
    )


PATH = r"['\"\u2018]?(/?[^\s'\"\u2018\u2019:,()]+)"

SIGNS = (
    Sign(_service_not_there, r"^test-services: (\S+) is not in the base image$"),
    Sign(_service_down, r"^test-services: (\S+) does not start\b"),
    Sign(_left_secret, r"^app: the build has left a secret of build\.secrets in (.+)$"),
    Sign(_lacking, r"^config: missing: (.+?); looked in .+ starts here$"),
    Sign(_unread, r"^config: (.+) \(tried for \d+ s\); .+ starts here$"),
    Sign(_unread, r"^config: (there is no .+); .+ starts here$"),
    Sign(_tests_limit, r"^test: the limit of \d+ s \(test_seconds\) has ended them$"),
    Sign(
        _heap,
        r"JavaScript heap out of memory",
        r"java\.lang\.OutOfMemoryError",
    ),
    Sign(
        _memory,
        r"[Oo]ut of memory: Killed process",
        r"killed by the OOM killer",
        r"fatal error: runtime: (?:cannot allocate|out of) memory",
        r"insufficient memory for the Java Runtime Environment",
        r"failed to allocate memory \(NoMemoryError\)",
        r"^MemoryError\b",
        r"Cannot allocate memory",
        r"Worker \(pid:\d+\) was sent SIGKILL! Perhaps out of memory\?",
        r"^(?:bash: line \d+: +\d+ )?Killed\b",
    ),
    Sign(
        _read_only,
        # Ruby, Python, Node, the shell's tools, then Go, the JVM, the shell.
        rf"Read-only file system @ \w+ - {PATH}",
        rf"\[Errno 30\] Read-only file system: {PATH}",
        rf"EROFS: read-only file system, \w+ {PATH}",
        rf"cannot [\w ]+? {PATH}['\u2019]?: Read-only file system",
        rf"\b(?:open|mkdir|create|rename|remove|unlink|chmod) {PATH}: read-only file system",
        rf"FileSystemException: {PATH}: Read-only file system",
        rf"{PATH} \(Read-only file system\)",
        rf"{PATH}: Read-only file system$",
        r"attempt to write a readonly database",
        r"SQLite3::(?:ReadOnly|CantOpen)Exception",
        r"unable to open database file",
    ),
    Sign(
        private_index.refused,
        *private_index.NPM,
        *private_index.BUNDLER,
        *private_index.PYTHON,
        *private_index.GIT,
    ),
    Sign(_django_key, r"The SECRET_KEY setting must not be empty"),
    Sign(_rails_key, r"RAILS_MASTER_KEY", r"MissingKeyError"),
    Sign(
        _setting,
        r"Missing `secret_key_base` for",
        r"secret_key_base.*(?:must be a type of String|must not be empty|can't be blank)",
        rf"KeyError: ['\"]({SETTING})['\"]",
        rf"key not found: \"({SETTING})\"",
        rf"Set the ({SETTING}) environment variable",
        rf"\b({SETTING}) not found\. Declare it as envvar",
        rf"Environment variable not found: ({SETTING})",
        rf"[Rr]equired (?:key|environment variable) ['\"]?({SETTING})",
        rf"Could not resolve placeholder '({SETTING})'",
        rf"[Mm]issing (?:required )?(?:environment|env) var(?:iable)?s?:? ['\"`]?({SETTING})",
        rf"line \d+: ({SETTING}): (?:unbound variable|parameter)",
        rf"\b({SETTING})['\"`]? (?:environment variable )?(?:is not set|must be set)",
        rf"\b({SETTING})['\"`]? environment variable is (?:required|missing|undefined)",
        rf"\b({NAMED})['\"`]? is (?:required|missing|undefined)",
        rf"[Ee]nvironment variable ['\"`]?({SETTING})['\"`]? (?:is )?(?:not set|missing|required)",
    ),
    Sign(
        _library,
        rf"({LIBRARY}): cannot open shared object file",
        r"Could not open library '([^']+)'",
    ),
    Sign(_glibc, r"version [`'](GLIBC(?:XX)?_[\d.]+)' not found"),
    Sign(
        _headers,
        r"fatal error: ([\w./+-]+\.h): No such file",
        r"can't find header files for (ruby)",
        r"(pg_config|mysql_config) (?:executable )?not found",
        r"You have to install development tools first",
        r"error: command '(\S*(?:gcc|cc|g\+\+))' failed: No such file",
    ),
    Sign(
        _interpreter,
        r"Your Ruby version is \S+, but your Gemfile specified",
        r"requires Ruby version .+ The current ruby version is",
        r"requires a different Python",
        r"Python version \S+ is not supported by the project",
        r"No interpreter found for Python",
        r"The engine \"node\" is incompatible",
        r"Not compatible with your version of node",
        r"(?:ERR!|error) code EBADENGINE",
        r"Node\.js version .+ is required",
        r"go\.mod requires go >= ",
        r"note: module requires Go ",
        r"invalid go version ",
        r"UnsupportedClassVersionError",
        r"(?:release|target release:?|target:) (?:version )?\d+ not supported",
    ),
    Sign(
        _program,
        r"exec: ([^\s:]+): (?:cannot execute: )?(?:not found|No such file)",
        r"line \d+: ([^\s:]+): command not found",
        r"line \d+: ([^\s:]+): No such file or directory",
        r"env: [\u2018'\"]?([^\u2019'\":]+)[\u2019'\"]?: No such file",
        r"[Bb]undler: command not found: (\S+)",
    ),
    Sign(
        _dependency,
        r"ModuleNotFoundError: No module named '([^']+)'",
        r"Cannot find (?:module|package) '([^']+)'",
        r"cannot load such file -- (\S+)",
        r"Could not find (\S+) in (?:locally installed gems|any of the sources|cached gems)",
        r"Could not find gem '([^']+)'",
        r"Unable to access jarfile (\S+)",
        r"Could not find or load main class (\S+)",
    ),
    Sign(_port_taken, r"EADDRINUSE", r"[Aa]ddress already in use"),
    Sign(
        _no_port,
        r"listen EACCES",
        r"Permission denied - bind",
        r"bind: permission denied",
        r"Can't connect to \('[\d.]*', \d{1,3}\)",
    ),
    Sign(
        _unreachable,
        r"connection to server at (.+?) failed",
        r"connect ECONNREFUSED (\S+)",
        r"dial tcp (\S+): connect: ",
        r"getaddrinfo (?:ENOTFOUND|EAI_AGAIN) (\S+)",
        r"could not translate host name (\S+) to address",
        r"Connection to (\S+) refused",
        r"Connection refused - connect\(2\) for (.+?)(?: \(|$)",
        r"Error \d+ connecting to (\S+?)\.? ",
        r"Can't connect to (?:local )?(?:MySQL )?server (?:through socket|on) '([^']+)'",
        last=True,
    ),
    Sign(private_index.refused, *private_index.WARNED, warned=True),
)
