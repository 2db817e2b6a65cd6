"""What may start an application: one command, whose shell it can replace."""

import re
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from spotkiln.bake.shell import START, why_not_one_command


@pytest.mark.parametrize(
    "line",
    [
        "node server.js",
        "NODE_ENV=production node server.js",
        "A=1 B='x y' C=\"$D e\" E=$(nproc) F= node x",
        "bin/serve --port $PORT --name ${NAME:-shop} 'a&b' \"c;d\" e\\;f",
        "puma --workers $(nproc --ignore=$(echo 1))",
        "node x 2>&1 >log 2>>errors </dev/null &>all",
        "bash -c 'cd web && exec node x'",
        "  node x \n",
        # Words that only begin like the shell's own.
        "cdrom --x",
        "if-server",
        "exec_it",
        "java -Dx=a=b",
        "./run {a,b} *.rb ~/x",
    ],
)
def test_one_command(line: str) -> None:
    assert why_not_one_command(line) == ""
    assert re.search(START, line)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("cd web && node x", "`cd` is the shell's own, no program"),
        ("node x && node y", "`&&` is followed by another command, or by nothing"),
        ("a & b", "`&` is followed by another command, or by nothing"),
        ("a &", "`&` is followed by another command, or by nothing"),
        ("a; b", "`;` is followed by another command, or by nothing"),
        ("a | b", "`|` is followed by another command, or by nothing"),
        ("a || b", "`||` is followed by another command, or by nothing"),
        ("a\nb", "it has several lines"),
        ("a \\\n b", "it has several lines"),
        ("exec node x", "leave out `exec`, which is added"),
        ("A=1 exec node x", "leave out `exec`, which is added"),
        ("A=1 cd x", "`cd` is the shell's own, no program"),
        ("if true; then x; fi", "`if` is the shell's own, no program"),
        (". ./env", "`.` is the shell's own, no program"),
        ("{ a; }", "`{` is the shell's own, no program"),
        ("(node x)", "`(` is the shell's own, no program"),
        ("node <(x)", "`<` is more than a command and its arguments"),
        ("node <<END", "`<` is more than a command and its arguments"),
        ("node 'x", "what ' begins does not end"),
        ('node "x', 'what " begins does not end'),
        ("node x\\", "what \\ begins does not end"),
        ("A=1", "it names no program"),
        ("A=1 B+=2 node", "it names no program"),
        ("# node x", "it names no program"),
        (" ", "it names no program"),
    ],
)
def test_what_is_refused_says_why(line: str, why: str) -> None:
    assert why_not_one_command(line) == why
    assert not re.search(START, line)


@example("node \\ ")
@given(st.text("ab=$()'\"`\\;&|<>{} \n1", max_size=30))
def test_the_form_and_the_model_refuse_the_same(line: str) -> None:
    assert bool(re.search(START, line)) == (why_not_one_command(line) == "")


@pytest.mark.parametrize(
    "part", ["a", "A=1 ", "'", "$(", "$(a", ">", "1", "\\", " ", "a ", '"\\', "`", "$((1) "]
)
def test_no_line_takes_long_to_be_refused(part: str) -> None:
    """An editor checks at each key."""
    start = time.perf_counter()
    re.search(START, part * (20_000 // len(part)) + ";")
    assert time.perf_counter() - start < 1
