"""A first base image for a sandbox, by the product's own steps but without a Prefect server."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from sandbox.client import Sandbox
from spotkiln.aws.session import connect
from spotkiln.bake.base import BaseSpec
from spotkiln.bake.builder import Builder
from spotkiln.tasks.bake.base import alive, bake_base, discard_base, look_up_source, promote_base


@contextmanager
def account_of(box: Sandbox) -> Iterator[None]:
    """This process's AWS is the sandbox for as long as the block runs."""
    before = dict(os.environ)
    os.environ.update(box.environment)
    connect.cache_clear()
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        connect.cache_clear()


def bake_first_base(box: Sandbox, source: str = "") -> str:
    """Of the default line; `source` is a name pattern of Debian's, empty for the line's own. Its
    id."""
    return bake_first(box, BaseSpec(source_image=source) if source else BaseSpec())


def bake_first(box: Sandbox, base: BaseSpec) -> str:
    """As flows/nightly.py does it where there is none to compare with. Its id."""
    with account_of(box), tempfile.TemporaryDirectory() as folder:
        job = look_up_source.fn(base, Builder(), str(uuid4()), Path(folder))
        with alive(job):
            try:
                return promote_base.fn(job, bake_base.fn(job)).id
            except BaseException:
                discard_base.fn(job)
                raise
