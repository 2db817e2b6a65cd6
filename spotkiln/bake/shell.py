"""What of the shell's language a start command may be: one command, that a unit can replace its
shell with.

Editors check spotkiln.yaml by the same patterns (docs/spotkiln.schema.json), so they are written in
what Python's and JavaScript's regular expressions have in common.
"""

import re

_QUOTED = r"""'[^'\n]*'|"(?:[^"\\\n]|\\.)*"|\\."""
_SUBSTITUTED = r"\$\((?:[^()\n]|\([^()\n]*\))*\)|`[^`\n]*`"
_PLAIN = r"""[^\s'"\\`;&|<>()$]|\$(?!\()"""
_WORD = f"(?:{_QUOTED}|{_SUBSTITUTED}|{_PLAIN})"
_REDIRECTION = r"&>>?|[<>]&|>>|>\||[<>](?![<>(])"
_PART = rf"(?:{_WORD}|{_REDIRECTION}|[ \t])"
_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_ASSIGNMENTS = rf"(?:{_NAME}={_WORD}*[ \t]+)*"

# Words at the beginning that no program has: the shell's grammar, and what only the shell itself
# can do.
_GRAMMAR = (
    r"!|\{|\}|\[\[|case|coproc|do|done|elif|else|esac|fi|for|function|if|in|select|then|time|until"
    "|while"
)
_BUILTIN = (
    r"\.|alias|bg|builtin|cd|command|declare|eval|exec|exit|export|fg|jobs|let|local|popd|pushd|read"
    "|readonly|return|set|shift|shopt|source|trap|typeset|ulimit|umask|unalias|unset|wait"
)
_RESERVED = f"{_GRAMMAR}|{_BUILTIN}"

START = (
    rf"^\s*{_ASSIGNMENTS}(?!(?:{_RESERVED})(?:[\s;&|<>()]|$))(?!{_NAME}\+?=)(?![#\s]){_PART}+\s*$"
)
ONE_LINE = r"^\s*[^\n\r]*\s*$"

# Variables that bash has and lets nobody set.
READ_ONLY = frozenset({"BASHOPTS", "BASH_VERSINFO", "EUID", "PPID", "SHELLOPTS", "UID"})

# What stands between two commands.
_BETWEEN = {"&&", "||", ";", "|", "&", "|&", ";;"}


def why_not_one_command(line: str) -> str:
    """Why a unit cannot start with this; empty if it can."""
    if re.search(START, line):
        return ""
    # Only now: an escaped space at the end belongs to the command.
    line = line.strip()
    if "\n" in line or "\r" in line:
        return "it has several lines"
    command = re.sub(f"^{_ASSIGNMENTS}", "", line)
    first = re.match(rf"\(|(?:{_RESERVED})(?=[\s;&|<>()]|$)", command)
    if first and first[0] == "exec":
        return "leave out `exec`, which is added"
    if first:
        return f"`{first[0]}` is the shell's own, no program"
    if re.match(rf"{_NAME}\+?=|#|$", command):
        return "it names no program"
    rest = re.sub(f"^{_PART}*", "", command)
    operator = re.match(r"[;&|]+", rest)
    if operator and operator[0] in _BETWEEN:
        return f"`{operator[0]}` is followed by another command, or by nothing"
    if rest[:1] in {"'", '"', "`", "\\"}:
        return f"what {rest[0]} begins does not end"
    return f"`{rest[:1]}` is more than a command and its arguments"


def replacing_the_shell(line: str) -> str:
    """A start command as its shell must be given it: replaced by the program, with the variables
    that are set for it."""
    command = line.lstrip()
    before = re.match(_ASSIGNMENTS, command)
    assert before  # it may match nothing, but it matches
    return f"{before[0]}exec {command[before.end() :]}"
