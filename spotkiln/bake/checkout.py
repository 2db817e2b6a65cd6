"""Checkout: the commit that a ref names now, and whether it fits the target group."""

from collections.abc import Callable
from pathlib import Path

from spotkiln.bake import git
from spotkiln.bake.app import AppSpec
from spotkiln.bake.infra import TargetGroup, check_fit
from spotkiln.bake.precedence import told
from spotkiln.bake.source import Source


def check_out(app: AppSpec, group: TargetGroup, folder: Path, say: Callable[[str], None]) -> Source:
    """A clean archive of the commit that the ref names now, and how that commit is released.

    Raises:
        InputError: the commit cannot be had, or it does not answer where the target group asks.
    """
    source = git.check_out(app, folder)
    say(f"{app.ref} is {source.commit[:12]}: {source.subject}")
    say(told(source.settings, source.needs))
    check_fit(source.app, group)
    return source
