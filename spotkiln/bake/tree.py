"""Tree: the names of an application's files, and the contents of the small ones that tell its
kind."""

import re
from collections.abc import Mapping

from spotkiln.noun import Noun

# A lock file of a large application has some 100 KiB; what is larger is not read.
MOST_BYTES = 512 * 1024
_WORTH_READING = re.compile(
    r"(?!(?:.*/)?node_modules/)(?:"
    r"Gemfile|Gemfile\.lock|gems\.rb|gems\.locked|package\.json|pyproject\.toml"
    r"|([^/]+/){1,3}package\.json"
    r"|(requirements|constraints)[^/]*\.txt|requirements/[^/]+\.txt|(dev|test)-requirements\.txt|\.yarnrc\.yml|uv\.lock|poetry\.lock|go\.mod|Procfile|manage\.py|config\.ru"
    r"|\.ruby-version|\.node-version|\.nvmrc|\.python-version|\.tool-versions"
    r"|config/(puma|routes|application)\.rb|config/environments/production\.rb|config/database\.yml"
    r"|([^/]+/){0,2}(main|app|application|server|asgi|wsgi|celery)\.py|(src/)?[^/]+/__init__\.py"
    r"|[^/]+/settings(/\w+)?\.py)"
)


def worth_reading(path: str) -> bool:
    """Whether a file's contents tell something; `path` is from the application's folder."""
    return bool(_WORTH_READING.fullmatch(path))


class Tree(Noun):
    """`names` are paths from the application's folder; `texts` are those that are worth reading."""

    names: frozenset[str]
    texts: Mapping[str, str] = {}

    def has(self, *paths: str) -> str:
        """The first of these that is there; empty if none is."""
        return next((one for one in paths if one in self.names), "")

    def text(self, path: str) -> str:
        """Empty if there is no such file, or if it was too large."""
        return self.texts.get(path, "")

    def fitting(self, pattern: str) -> list[str]:
        """The paths that fit a regular expression as a whole, sorted."""
        return sorted(one for one in self.names if re.fullmatch(pattern, one))
