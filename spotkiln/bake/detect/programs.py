"""Programs: a Procfile's commands, written for a PATH that has the application's own programs."""

import re
from collections.abc import Callable

# Takes a program's name in a command, and answers how it is called without such a PATH.
Programs = Callable[[str], str]

# Where a command may begin, the variables that are set for it, its program.
_COMMAND = re.compile(r"(^|&&\s*|\|\|?\s*|;\s*)((?:[A-Za-z_]\w*=\S*\s+)*)([^\s=;&|]+)(?=\s|;|$)")


def as_they_are(program: str) -> str:
    return program


def told_in_full(command: str, programs: Programs) -> str:
    """The command as it runs with a PATH that has nothing of the application."""
    return _COMMAND.sub(lambda found: f"{found[1]}{found[2]}{programs(found[3])}", command)
