"""Checkout: the commit that a ref names now, and whether it fits target group and base image."""

from collections.abc import Callable
from pathlib import Path

from spotkiln.bake import git
from spotkiln.bake.app import AppSpec
from spotkiln.bake.fit import check_fit
from spotkiln.bake.further import doubts
from spotkiln.bake.infra import BaseImage, Infra
from spotkiln.bake.interpreter import fit
from spotkiln.bake.precedence import told
from spotkiln.bake.services import require_services
from spotkiln.bake.source import Source
from spotkiln.errors import InputError

CURE = (
    "name a base image that has it (`infra.base_image`; `spotkiln base` tells what each has), give "
    "its line another `source_image` or a `setup` that brings it, or change that file"
)


def require_interpreters(source: Source, base: BaseImage, say: Callable[[str], None]) -> None:
    """What the application is baked on must run it.

    Raises:
        InputError: an interpreter is too old, or not what the build itself demands.
    """
    found = fit(source.needs, base.has, str(base), source.app.made_by)
    for one in found.warned:
        say(f"{one}: the tests will tell whether that does")
    if found.refused:
        raise InputError(f"{'; '.join(found.refused)}. To mend it, {CURE}")


def check_out(app: AppSpec, infra: Infra, folder: Path, say: Callable[[str], None]) -> Source:
    """A clean archive of the commit that the ref names now, and how that commit is released.

    Raises:
        InputError: the commit cannot be had, it does not answer where the target group asks, or
            the base image cannot run it.
    """
    source = git.check_out(app, folder)
    say(f"{app.ref} is {source.commit[:12]}: {source.subject}")
    say(told(source.settings, source.needs))
    check_fit(source.app, infra.target_group)
    for doubt in doubts(source.app, infra):
        say(f"target group {doubt}")
    for base in infra.bases:
        require_interpreters(source, base, say)
        require_services(source.app.test_services, base.services, str(base))
    return source
