"""What runs on people's own machines runs in macOS's bash, which is 3.2 of 2007."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.unit.nouns import ROOT

# These run inside Debian's machines.
IN_MACHINES = ("packer/", "systemd/", "sandbox/machines/", "rehearsal/look.sh")
# By what each is: what bash has had from 4.0 on, or later.
NEWER = {
    "an associative array": r"\b(declare|local|typeset|readonly)\s+-\w*A",
    "a reference by name": r"\b(declare|local|typeset)\s+-\w*n",
    "a global in a function": r"\b(declare|typeset)\s+-\w*g",
    "a case changed by declare": r"\b(declare|local|typeset)\s+-\w*[luc]\b",
    "lines read into an array": r"\b(mapfile|readarray)\b",
    "a case changed": r"\$\{!?\w+(\[[^]]*\])?(\^|,)",
    "a transformation": r"\$\{!?\w+(\[[^]]*\])?@[A-Za-z]\}",
    "both outputs appended": r"&>>",
    "both outputs into a pipe": r"\|&",
    "a case that falls through": r";;?&",
    "a co-process": r"^\s*coproc\b",
    "whether a variable is set": r"(\[\[|\btest|\[)\s+(!\s+)?-[vR]\s",
    "an element from the end": r"\$\{\w+\[-\d+\]|\w+\[-\d+\]=",
    "a part from the end": r"\$\{\w+:[^}]*:\s*-\d",
    "a descriptor's number in a variable": r"\bexec\s+\{\w+\}[<>]",
    "waiting for any": r"\bwait\s+-\w*[np]",
    "a fraction to wait": r"\bread\s[^|;&]*-t\s*0?\.\d",
    "folders at any depth": r"\bglobstar\b|\blastpipe\b|\binherit_errexit\b",
    "a variable of later versions": r"\$\{?(BASHPID|EPOCH(SECONDS|REALTIME)|SRANDOM|BASH_ARGV0)\b",
    "a time by printf": r"printf\s[^|;]*%\([^)]*\)T",
    "a quoted array element that printf fills": r"printf\s+-v\s+\w+\[",
    "padded numbers": r"\{0\d+\.\.",
}


def scripts() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    found = []
    for name in listed:
        path = ROOT / name
        if name.startswith(IN_MACHINES) or not path.is_file() or path.is_symlink():
            continue
        first = path.open("rb").readline()
        if name.endswith(".sh") or re.match(rb"#!.*\b(ba)?sh\b", first) or name == "Makefile":
            found.append(path)
    return found


def newer(text: str) -> list[str]:
    """What a script has that bash 3.2 has not, by line."""
    return [
        f"{number}: {what}: {line.strip()}"
        for number, line in enumerate(text.splitlines(), 1)
        for what, pattern in NEWER.items()
        if not line.lstrip().startswith("#") and re.search(pattern, line)
    ]


def test_the_scripts_are_found() -> None:
    names = {one.relative_to(ROOT).as_posix() for one in scripts()}
    assert names >= {"Makefile", "scripts/setup.sh", "scripts/install.sh", "examples/make_refs.sh"}


@pytest.mark.parametrize("path", scripts(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_nothing_needs_a_newer_bash(path: Path) -> None:
    assert newer(path.read_text()) == []


@pytest.mark.parametrize(
    "line",
    [
        "declare -A package=([a]=b)",
        "local -n other=$1",
        "declare -gr ONE=1",
        "mapfile -t lines <file",
        "readarray lines",
        'echo "${name,,}" "${name^}"',
        "echo ${name@Q}",
        "run &>>log",
        "run |& tee log",
        "a) b ;;&",
        "coproc cat",
        "[[ -v NAME ]]",
        "test -v NAME",
        "echo ${all[-1]}",
        'echo "${text:2:-1}"',
        "exec {log}>file",
        "wait -n",
        "read -t 0.5 line",
        "shopt -s globstar",
        "kill $BASHPID",
        "echo $EPOCHSECONDS",
        "printf '%(%F)T' -1",
        "for i in {01..10}; do",
    ],
)
def test_each_of_them_would_be_found(line: str) -> None:
    assert newer(line)


@pytest.mark.parametrize(
    "line",
    [
        'missing+=("$one")',
        "echo ${name:-none} ${#all[@]} ${all[*]} ${name%%,*}",
        "run >log 2>&1 || true",
        "a) b ;;",
        "for i in {1..10}; do wait; done",
        "local one two=$1",
        "[[ -n $name && -x $file ]]",
        "# declare -A in a comment",
    ],
)
def test_what_it_has_is_allowed(line: str) -> None:
    assert newer(line) == []
