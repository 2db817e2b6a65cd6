"""A worker works where another user's worker has been before."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from spotkiln.cli.temporary import own_folder
from tests.unit.nouns import ROOT

USER, OTHER = os.getuid(), 54321


def test_the_shared_one_is_used_where_it_can_be(tmp_path: Path) -> None:
    assert own_folder(tmp_path, USER) is None
    (tmp_path / "runner_storage").mkdir()
    assert own_folder(tmp_path, USER) is None


@pytest.mark.skipif(USER != 0, reason="only root can give folders away")
def test_another_users_is_not(tmp_path: Path) -> None:
    (tmp_path / "runner_storage").mkdir()
    os.chown(tmp_path / "runner_storage", OTHER, OTHER)
    found = own_folder(tmp_path, USER)
    assert found == tmp_path / f"spotkiln-{USER}"
    assert stat.S_IMODE(found.stat().st_mode) == 0o700
    assert own_folder(tmp_path, USER) == found
    # A name that somebody else has taken is not trusted.
    os.chown(found, OTHER, OTHER)
    other = own_folder(tmp_path, USER)
    assert other is not None
    assert other != found
    assert other.stat().st_uid == USER


@pytest.mark.skipif(USER != 0, reason="only root can give folders away")
def test_the_process_and_what_it_starts_use_it(tmp_path: Path) -> None:
    (tmp_path / "runner_storage").mkdir()
    os.chown(tmp_path / "runner_storage", OTHER, OTHER)
    program = (
        "import os, tempfile; from spotkiln.cli.temporary import use_own_folder; "
        "use_own_folder(); print(tempfile.gettempdir(), os.environ['TMPDIR'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [str(tmp_path / f"spotkiln-{USER}")] * 2
