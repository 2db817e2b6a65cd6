"""Paths: how files, folders and addresses are written in spotkiln.yaml."""

import re

HEALTH_PATH = r"^/[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*$"
# From the repository's top, in git's own way of writing it: nothing absolute, no `.`, no `..`.
PATH = r"^(?!/)(?!\.{1,2}(/|$))(?!.*/\.{0,2}(/|$))[^\\*?\[\x00-\x1f\x7f]+$"

# What units and scripts take without any quoting: no option, neither `.` nor `..`.
_PART = r"(?:[A-Za-z0-9_@+]|\.[A-Za-z0-9_@+-]|\.\.[A-Za-z0-9._@+-])[A-Za-z0-9._@+-]*"
FOLDER = rf"{_PART}(?:/{_PART})*"


def why_no_path(path: str) -> str:
    """Why this names no file or folder from a repository's top; empty if it may."""
    if re.search(PATH, path):
        return ""
    if path.startswith(("/", "~")):
        return "it is absolute"
    if ".." in path.split("/"):
        return "it leads out of the repository"
    if re.search(r"[*?\[]", path):
        return "it is a pattern: name the folder that holds the files"
    return "write it as git does: `apps/web`, without `./` before it, a slash at its end or `\\`"
