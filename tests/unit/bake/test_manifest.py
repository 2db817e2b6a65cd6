"""spotkiln.yaml: what it may say, and how a mistake is answered by line."""

import pytest

from spotkiln.bake.choices import Hardening, MigrateOn
from spotkiln.bake.description import Description
from spotkiln.bake.manifest import MOST_BYTES, read_manifest
from spotkiln.bake.processes import Process, Restart, Timer
from spotkiln.errors import InputError


def test_all_keys() -> None:
    assert read_manifest(
        b"""\
# Throws dice.
build: |
  npm ci
  npm run build
test_setup: ""
test: npm test
migrate: ""
start: node server.js
notify: false
port: 8080
health_path: /health
user: dice
environment: {NODE_ENV: production}
test_environment:
  NODE_ENV: test
writable: [tmp, public/uploads]
hardening: strict
migrate_seconds: 60
start_seconds: 20
stop_seconds: 30
test_seconds: 300
depends_on: [packages/ui, package.json]
"""
    ) == Description(
        build="npm ci\nnpm run build",
        test_setup="",
        test="npm test",
        migrate="",
        start="node server.js",
        notify=False,
        port=8080,
        health_path="/health",
        user="dice",
        environment={"NODE_ENV": "production"},
        test_environment={"NODE_ENV": "test"},
        writable=("tmp", "public/uploads"),
        hardening=Hardening.STRICT,
        migrate_seconds=60,
        start_seconds=20,
        stop_seconds=30,
        test_seconds=300,
        depends_on=("packages/ui", "package.json"),
    )


@pytest.mark.parametrize("empty", [b"", b"# nothing yet\n", b"---\n", b"{}"])
def test_a_file_may_leave_all_open(empty: bytes) -> None:
    assert read_manifest(empty) == Description()


def test_every_mistake_is_told_by_its_line() -> None:
    with pytest.raises(InputError) as caught:
        read_manifest(
            b"""\
build: make
strat: node x.js
port: 0
notify: maybe
health_path: up
environment:
  A-B: "1"
migrate: |
  a
  b
start: cd web && node x.js
test: ""
depends_on:
  - lib
  - /etc
build: again
"""
        )
    told = str(caught.value).replace("spotkiln.yaml:", "")
    assert (
        told
        == """\
2: strat: there is no such key; did you mean start?
3: port: expected a whole number from 1 to 65535, got 0
4: notify: expected true or false, got "maybe"
5: health_path: expected a path that begins with a slash, such as /up, got "up"
6: environment: expected an environment variable's name, got 'A-B'
8: migrate: expected one line, got several: join its commands with &&
11: start: expected one command, for systemd runs it as the main process: `cd` is the shell's \
own, no program; put it into a script of the repository and start that
12: test: expected a command, got blanks
13: depends_on: expected a path from the repository's top, got '/etc': it is absolute
16: build: stands here again, first in line 1: leave one"""
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: shop", "1: name: belongs to the deployment in prefect.yaml"),
        ("folder: web", "1: folder: belongs to the deployment in prefect.yaml"),
        ("health-path: /up", "did you mean health_path?"),
        ("Port: 3000", "did you mean port?"),
        ("fleet: {}", "there is no such key; the keys are dependencies, lock, build, "),
        ("\nport: '80'", '2: port: expected a whole number from 1 to 65535, got "80"'),
        ("port: 3000.5", "port: expected a whole number from 1 to 65535, got a number"),
        ("port: yes", "port: expected a whole number from 1 to 65535, got true or false"),
        ("test: 1", "test: expected text, got 1: put it in quotes"),
        ("start: [a, b]", "start: expected text, got a list"),
        ("environment: [A=1]", "environment: expected variables, each `NAME: value`, got a list"),
        ("user: Root", 'got "Root"'),
        ("hardening: full", 'expected one of strict, standard, basic, got "full"'),
        ("hardening: [strict]", "expected one of strict, standard, basic, got a list"),
        (
            "config: A=hunter2",
            "names, such as [DATABASE_URL], got text",
        ),
        ("config: [A=hunter2]", "expected the names of variables, such as DATABASE_URL, got some"),
        ("config: [A, A]", "expected each name once"),
        (
            "test_services: redis",
            'test_services: expected a list of postgresql, redis, got "redis"',
        ),
        (
            "\ntest_services: [postgres]",
            "2: test_services: expected some of postgresql, redis, got 'postgres': what is not",
        ),
        ("test_services: [redis, redis]", "expected each service once"),
        ("writable: tmp", 'expected a list of folders of the application, got "tmp"'),
        ("writable: [/tmp]", "expected a folder of the application, such as tmp"),
        ("depends_on: lib", "depends_on: expected a list of paths"),
        ("depends_on: [./lib]", "write it as git does"),
        ("migrate_on: twice", 'expected one of once, each, got "twice"'),
        ("processes: [worker]", "processes: expected processes, each `NAME: {start: COMMAND}`"),
        (
            "processes: {worker: x}",
            "worker: expected processes, each `NAME: {start: COMMAND}`",
        ),
        ("processes:\n  worker:\n    notify: no", "2: processes.worker.start: expected it"),
        (
            "processes:\n  worker:\n    strat: a",
            "3: processes.worker.strat: there is no such key; did",
        ),
        (
            "processes:\n  worker:\n    start: cd a && b",
            "3: processes.worker.start: expected one",
        ),
        ("processes: {worker: {start: a, once: 1}}", "worker.once: expected true or false, got 1"),
        (
            "processes: {worker: {start: a, stop_seconds: 0}}",
            "whole number from 1 to 3600, got 0",
        ),
        ("processes: {worker: {start: a, memory_mb: 512M}}", 'from 16 to 4194304, got "512M"'),
        ("processes: {worker: {start: a, restart: no}}", "one of always, on-failure, got true or"),
        (
            "processes:\n  worker:\n    start:",
            "3: processes.worker.start: got nothing",
        ),
        ("processes:\n  worker:", "2: processes.worker: expected processes, each"),
        ("processes: {web: {start: a}}", "the web process is what `start` at the top of the file"),
        ("processes: {migrate: {start: a}}", "a unit of every machine is called so"),
        ("processes: {Worker: {start: a}}", "lower-case letters, digits and dashes"),
        (
            "processes: {a: {start: b}}\ntimers: {a: {run: b, on: daily}}",
            "2: timers: expected",
        ),
        ("timers: {a: {run: b}}", "timers.a.on: expected it, got no such key"),
        ("timers:\n  a:\n    on: 0 3 * * *\n    run: b", "3: timers.a.on: expected a calendar"),
        ("timers: {a: {on: daily, run: |\n  b\n  c}}", "expected YAML"),
        ("migrate:", '1: migrate: got nothing: write "" for none, or leave the key out'),
        ("port:", "1: port: got nothing: give a value, or leave the key out"),
        ("- a", "1: expected keys with values"),
        ("a", "1: expected keys with values"),
        ("port: 1\n b: [", "2: expected YAML, got what cannot be read"),
        ("port: 3000\n---\nport: 4000", "2: expected YAML, got what cannot be read"),
        ("? [a, b]\n: c", "expected YAML"),
        ("a: 2024-13-45", "expected YAML"),
        ("a: !!python/object:os.system x", "expected YAML"),
        ("[" * 5000, "expected YAML"),
        ("port: &a 0\nuser: *a", "1: port: expected a whole number"),
    ],
)
def test_a_mistake_is_named(text: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        read_manifest(text.encode())
    assert said in str(caught.value)
    assert all(line.startswith("spotkiln.yaml:") for line in str(caught.value).splitlines())


@pytest.mark.parametrize("written", ["1", "yes", "2024-01-01", "1.5"])
def test_a_variable_that_yaml_takes_for_something_else(written: str) -> None:
    """DEBUG: yes would be `True` for YAML. What came is not repeated: it may be a secret."""
    with pytest.raises(
        InputError, match=r":2: environment.DEBUG: expected text, got .*quotes"
    ) as e:
        read_manifest(f"environment:\n  DEBUG: {written}\n".encode())
    assert written not in str(e.value).partition(" got ")[2]


def test_what_is_no_text_file() -> None:
    with pytest.raises(InputError, match=r"web/spotkiln\.yaml:2: expected UTF-8"):
        read_manifest(b"port: 3000\n\xff", "web/spotkiln.yaml")
    with pytest.raises(InputError, match=f"at most {MOST_BYTES} bytes, got {MOST_BYTES + 1}"):
        read_manifest(b"#" * (MOST_BYTES + 1))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: &a {b: *a}\n", "spotkiln.yaml:1: a: there is no such key"),
        ("environment: &a {B: *a}\n", "spotkiln.yaml:1: environment.B: expected text"),
        (
            "x0: &x0 {p: 1}\n"
            + "".join(f"x{n}: &x{n} {{p: *x{n - 1}, q: *x{n - 1}}}\n" for n in range(1, 60)),
            "spotkiln.yaml:60: x59: there is no such key",
        ),
    ],
    ids=["in itself", "a variable in itself", "twice in each other"],
)
def test_what_stands_for_itself_is_read_once(text: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        read_manifest(text.encode())
    assert said in str(caught.value)


def test_processes_and_timers() -> None:
    text = """
memory_mb: 1024
migrate_on: each
processes:
  worker: {start: bundle exec sidekiq, notify: true, stop_seconds: 45}
  clock: {start: bin/clock, once: true, restart: on-failure}
timers:
  report:
    run: bin/report | bin/mail
    on: Mon 06:30 Europe/Berlin
"""
    found = read_manifest(text.encode())
    assert (found.memory_mb, found.migrate_on) == (1024, MigrateOn.EACH)
    assert found.processes == {
        "worker": Process(start="bundle exec sidekiq", notify=True, stop_seconds=45),
        "clock": Process(start="bin/clock", once=True, restart=Restart.ON_FAILURE),
    }
    assert found.timers == {
        "report": Timer(run="bin/report | bin/mail", on="Mon 06:30 Europe/Berlin")
    }


def test_a_key_is_taken_as_it_is_written() -> None:
    """For YAML 1.1 `on`, `NO` and `1` are no text."""
    found = read_manifest(b"environment: {ON: a, NO: b, y: c}\n")
    assert found.environment == {"ON": "a", "NO": "b", "y": "c"}
    with pytest.raises(InputError, match="expected an environment variable's name, got '1'"):
        read_manifest(b"environment: {1: a}\n")
    with pytest.raises(InputError, match="stands here again, first in line 1"):
        read_manifest(b"on: 1\non: 2\n")
