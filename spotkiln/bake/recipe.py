"""Recipe: all that decides an image. Its digest is the image's identity."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from spotkiln.errors import InputError
from spotkiln.noun import Noun

# Where packer/ and systemd/ are: the package itself. In a clone they are links there.
ROOT = Path(__file__).resolve().parent.parent


class Recipe(Noun):
    """The inputs of an image, each by a name and the digest (or id) that stands for it."""

    inputs: dict[str, str]

    @property
    def digest(self) -> str:
        """40 hex characters: short enough for a tag and a name, long enough to be an identity."""
        text = json.dumps(self.inputs, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:40]

    def to_tag(self) -> str:
        """All inputs in one tag value (EC2 allows 256 characters): `base=ami-1 source=12ab`."""
        return " ".join(f"{name}={value}" for name, value in sorted(self.inputs.items()))

    def differences(self, tag: str) -> list[str]:
        """The names of inputs that differ from those an image's tag names, sorted."""
        theirs = dict(part.split("=", 1) for part in tag.split() if "=" in part)
        names = self.inputs.keys() | theirs.keys()
        return sorted(name for name in names if self.inputs.get(name) != theirs.get(name))


def digest_of(value: Mapping[str, object] | str) -> str:
    """12 hex characters for any value that JSON can hold."""
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def digest_of_files(root: Path, patterns: Iterable[str]) -> str:
    """12 hex characters over the names, modes and contents of the files that match.

    Raises:
        InputError: a pattern matches nothing, which is so in a broken installation alone.
    """
    total = hashlib.sha256()
    for pattern in patterns:
        files = sorted(path for path in root.glob(pattern) if path.is_file())
        if not files:
            raise InputError(
                f"this installation ({root}) has no {pattern}, from which images are made: it is "
                "broken; install spotkiln anew"
            )
        for path in files:
            executable = "x" if path.stat().st_mode & 0o100 else "-"
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            total.update(f"{path.relative_to(root)} {executable} {content}\n".encode())
    return total.hexdigest()[:12]
