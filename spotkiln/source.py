"""Source: one commit of one application, as a clean archive."""

from pathlib import Path

from spotkiln.noun import Noun


class Source(Noun):
    """What was checked out.

    `commit` and `tree` are git's object names in hex; `archive` is a .tar.gz of exactly that
    commit, made by `git archive`: no working folder, no `.git`.
    """

    repository: str
    ref: str
    commit: str
    tree: str
    subject: str = ""
    archive: Path
