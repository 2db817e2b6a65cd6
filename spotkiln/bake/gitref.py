"""What a branch, a tag or a commit may be called."""

import re

from spotkiln.errors import InputError

# What the form in the Prefect UI refuses, and how it says it.
REF_IN_WORDS = "a branch, a tag or a commit, as git writes it: no space, no .., none of ~ ^ : ? * ["
REF = (
    r"^(?![-/.])(?!.*(\.\.|@\{|//|/\.|\.lock(/|$)|[/.]$))"
    r"[^\s~^:?*\[\\\x00-\x1f\x7f]+$"
)


def why_no_ref(ref: str) -> str:
    """Why git cannot have such a name; empty if it may."""
    if re.search(REF, ref):
        return ""
    return (
        f"expected the name of a branch or tag, or a commit, got {ref!r}: "
        "git does not allow such names"
    )


def require_ref(ref: str) -> None:
    """
    Raises:
        InputError: git cannot have such a name. Empty is no ref, and fine.
    """
    if ref and (why := why_no_ref(ref)):
        raise InputError(f"ref: {why}")


def checked_ref(ref: str) -> str:
    """The same ref, for a field of a model. Empty is none.

    Raises:
        ValueError: git cannot have such a name.
    """
    if ref and (why := why_no_ref(ref)):
        raise ValueError(why)
    return ref
