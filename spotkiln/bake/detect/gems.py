"""Gems: what an application's Gemfile and its lock file name."""

import re

from spotkiln.bake.tree import Tree

# Groups that are not installed into an image.
ASIDE = {"development", "test"}
_GEM = re.compile(r"^\s*gem[\s(]+['\"]([\w.-]+)['\"](.*)$")
_GROUP = re.compile(r"^\s*group[\s(]+(.+?)\)?\s+do\b")
_OF_A_GEM = re.compile(
    r"\bgroups?(?::|['\"]?\s*=>)\s*(\[[^\]]*\]|%[iIwW]\W[^\])]*|:\w+|['\"]\w+['\"])"
)
_OPENS = re.compile(r"\bdo\s*(?:\|[^|]*\|)?\s*$|^\s*(?:if|unless|case|begin|while|until|def)\b")
_ENDS = re.compile(r"^\s*end\b")


def _named(text: str) -> set[str]:
    return set(re.findall(r"\w+", re.sub(r"^%\w|\boptional:\s*\w+", "", text)))


def _groups(text: str) -> dict[str, list[set[str]]]:
    """By gem, for each time that it is named: the groups that it is in, none for all."""
    found: dict[str, list[set[str]]] = {}
    around: list[set[str]] = []
    for line in (re.sub(r"\s#.*$|^#.*$", "", one) for one in text.splitlines()):
        if gem := _GEM.search(line):
            own = _OF_A_GEM.search(gem[2])
            groups = set[str]().union(*around, _named(own[1]) if own else set())
            found.setdefault(gem[1], []).append(groups)
        elif group := _GROUP.search(line):
            around.append(_named(group[1]))
        elif _OPENS.search(line):
            around.append(set())
        elif _ENDS.search(line) and around:
            around.pop()
    return found


class Gems:
    """What Gemfile and Gemfile.lock name."""

    def __init__(self, tree: Tree) -> None:
        self.file = tree.has("Gemfile", "gems.rb")
        self.lock = tree.has("Gemfile.lock", "gems.locked")
        self._groups = _groups(tree.text(self.file))
        self.wanted = set(self._groups)
        self.locked = {
            found[1]: found[2]
            for found in re.finditer(
                r"^ {4}([\w.-]+) \((\d[\w.]*)[^)]*\)$", tree.text(self.lock), re.MULTILINE
            )
        }
        self._tree = tree
        self._text = tree.text(self.file)

    def has(self, name: str) -> str:
        """Where it is named; empty if it is not."""
        if name in self.locked:
            return f"{self.lock} has {name} {self.locked[name]}"
        return f"{self.file} has {name}" if name in self.wanted else ""

    def aside(self, name: str) -> bool:
        """Whether the Gemfile has it in groups alone that an image goes without."""
        groups = self._groups.get(name, [])
        return bool(groups) and all(one and one <= ASIDE for one in groups)

    def serves_with(self, name: str) -> str:
        """As `has`, of what is in the image."""
        return "" if self.aside(name) else self.has(name)

    def version(self, name: str) -> tuple[int, ...]:
        """As far as it is known: of the lock, or of what is asked for."""
        text = self.locked.get(name, "")
        if not text:
            asked = re.search(rf"gem[\s(]+['\"]{name}['\"]\s*,\s*['\"][^\d]*([\d.]+)", self._text)
            text = asked[1] if asked else ""
        return tuple(int(part) for part in re.findall(r"\d+", text)[:3])

    def ruby(self) -> str:
        """The versions that the Gemfile asks for; empty if any will do."""
        text = r"['\"]([^'\"]+)['\"]"
        if file := re.search(rf"^\s*ruby[\s(]+file:\s*{text}", self._text, re.MULTILINE):
            words = self._tree.text(file[1]).split()
            return words[0].removeprefix("ruby-") if words else ""
        found = re.search(rf"^\s*ruby[\s(]+{text}((?:\s*,\s*{text})*)", self._text, re.MULTILINE)
        return ", ".join(re.findall(text, found[0])) if found else ""
