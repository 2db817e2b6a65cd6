"""Version: the ranges of versions that files of Ruby, Node and Python write, read alike."""

import re

from spotkiln.noun import Noun

Version = tuple[int, ...]
# A sign and a version, whose last parts may be `x` or `*`.
_SIGNED = re.compile(r"(>=|<=|~>|~=|===?|!=|>|<|\^|~|=)?\s*v?(\d+(?:\.\d+)*)((?:\.[xX*])*)")
_ALONE = re.compile(
    r"(?:ruby-|python-|cpython-|go|v)?(\d+(?:\.\d+)*)(?:\.[xX*])*(?:[-.]?[a-z]\w*(?:\.\d+)?)?"
)
_FROM_TO = re.compile(r"\s*v?(\d[\d.]*)\s+-\s+v?(\d[\d.]*)\s*")


def parts(text: str) -> Version:
    return tuple(int(part) for part in re.findall(r"\d+", text))


def alone(text: str) -> Version | None:
    """Of `3.3.8`, `v20` or `ruby-3.3.8`, and of a preview what it becomes. None for what is no
    version by itself, such as `lts/iron`, `system`, `jruby-9.4` or `>=3.2`."""
    found = _ALONE.fullmatch(text.strip())
    return parts(found[1]) if found else None


def compare(one: Version, other: Version) -> int:
    """Below zero if `one` is older, above if it is newer; what is missing is 0."""
    wide = max(len(one), len(other))
    left, right = (x + (0,) * (wide - len(x)) for x in (one, other))
    return (left > right) - (left < right)


def _after(version: Version, at: int) -> Version:
    """The first one that differs from it at this place or before."""
    return (*version[:at], version[at] + 1)


class _Limits(Noun):
    """From `least`, which is within, to `below`, which is not; empty: no limit there. `without`:
    none that begins with it."""

    least: Version = ()
    below: Version = ()
    without: Version = ()

    def too_old(self, has: Version) -> bool:
        return bool(self.least) and compare(has, self.least) < 0

    def too_new(self, has: Version) -> bool:
        return (bool(self.below) and compare(has, self.below) >= 0) or (
            bool(self.without) and has[: len(self.without)] == self.without
        )


def _limits(sign: str, version: Version) -> _Limits:
    last = len(version) - 1
    if sign == ">=":
        return _Limits(least=version)
    if sign == ">":
        return _Limits(least=_after(version, last))
    if sign == "<":
        return _Limits(below=version)
    if sign == "<=":
        return _Limits(below=_after(version, last))
    if sign == "!=":
        return _Limits(without=version)
    if sign in {"~>", "~="}:
        return _Limits(least=version, below=_after(version, max(last - 1, 0)))
    if sign == "^":
        first = next((at for at, part in enumerate(version) if part), last)
        return _Limits(least=version, below=_after(version, first))
    if sign == "~":
        return _Limits(least=version, below=_after(version, min(last, 1)))
    return _Limits(least=version, below=_after(version, last))


def _read(text: str) -> list[list[_Limits]]:
    """Alternatives, in each of which all limits hold; empty if the text is none of these."""
    alternatives = []
    for part in text.split("||"):
        one = _FROM_TO.sub(r">=\1 <=\2", part)
        limits = [_limits(found[1] or "", parts(found[2])) for found in _SIGNED.finditer(one)]
        if not limits or re.sub(r"[\s,]", "", _SIGNED.sub("", one)):
            return []
        alternatives.append(limits)
    return alternatives


def outside(text: str, has: Version) -> str:
    """`too old` or `too new` for a range; empty if it is within, or if the range cannot be read."""
    found = []
    for limits in _read(text):
        if any(one.too_old(has) for one in limits):
            found.append("too old")
        elif any(one.too_new(has) for one in limits):
            found.append("too new")
        else:
            return ""
    # Between two alternatives a newer one helps.
    return "too old" if "too old" in found else "too new" if found else ""
