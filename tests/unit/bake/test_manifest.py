"""spotkiln.yaml: what it may say, and how a mistake is answered by line."""

import pytest

from spotkiln.bake.description import Description, Hardening
from spotkiln.bake.manifest import MOST_BYTES, read_manifest
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
        ("fleet: {}", "there is no such key; the keys are build, test_setup, test, "),
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
