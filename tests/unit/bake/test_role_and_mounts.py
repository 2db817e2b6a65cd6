"""What a machine learns of itself before anything starts, and what it mounts: by the scripts."""

import base64
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.bake.cloud import Cloud

pytestmark = pytest.mark.programs

USER_DATA = "/latest/user-data"
TOLD = base64.b64encode(b'A="1"\n').decode()
TESTER = f"#cloud-config\n# spotkiln-role: tester\n# spotkiln-environment: {TOLD}\n"


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    (tmp_path / "run").mkdir()
    cloud = Cloud(tmp_path)
    yield cloud
    cloud.close()
    assert cloud.bad == []


def role(cloud: Cloud, tmp_path: Path) -> "subprocess.Popen[str]":
    # No application of this name has an environment here that could go.
    return cloud.start("role", "no-such-application", SPOTKILN_RUN=str(tmp_path / "run"))


# -- the role --


def test_a_busy_metadata_service_is_no_machine_without_a_role(cloud: Cloud, tmp_path: Path) -> None:
    cloud.metadata[USER_DATA] = TESTER
    cloud.busy = {USER_DATA}
    deciding = role(cloud, tmp_path)
    # Longer than it doubts that there is none.
    cloud.wait_until_asked(USER_DATA, 1)
    time.sleep(7)
    assert deciding.poll() is None
    cloud.busy = set()
    said, _ = deciding.communicate(timeout=20)
    assert "this machine is a tester" in said
    assert (tmp_path / "run" / "environment").read_text() == 'A="1"\n'
    assert not (tmp_path / "run" / "user-data").exists()


def test_without_user_data_nothing_starts(cloud: Cloud, tmp_path: Path) -> None:
    deciding = role(cloud, tmp_path)
    said, _ = deciding.communicate(timeout=30)
    assert deciding.returncode == 1
    assert "has no user data that names its role; nothing of no-such-application starts" in said
    assert not (tmp_path / "run" / "role").exists()


# -- mounts --


def mounts(cloud: Cloud, tmp_path: Path, mount: str) -> "subprocess.Popen[str]":
    """`mount`: what is in place of that command."""
    (tmp_path / "run" / "role").write_text("server\n")
    (tmp_path / "run" / "mounts").write_text("uploads fs-1:/\n")
    (tmp_path / "uploads").mkdir(exist_ok=True)
    stubs = {
        "mount": mount,
        "mountpoint": "exit 1",
        "runuser": "exit 0",
        "sleep": "exec /bin/sleep 0.2",
    }
    for name, text in stubs.items():
        (tmp_path / name).write_text(f"#!/bin/bash\n{text}\n")
        (tmp_path / name).chmod(0o755)
    own = {"SPOTKILN_RUN": str(tmp_path / "run"), "SPOTKILN_MOUNT_SECONDS": "3"}
    return cloud.start("mounts", "demo", "root", str(tmp_path), "uploads", **own)


def test_a_file_system_that_does_not_answer_is_told_in_time(cloud: Cloud, tmp_path: Path) -> None:
    """One that nobody answers takes minutes, and systemd says only that a unit took too long."""
    mounting = mounts(cloud, tmp_path, "exec /bin/sleep 60")
    said, _ = mounting.communicate(timeout=20)
    assert mounting.returncode == 1
    # A second more on a busy machine.
    told = r"fs-1:/ could not be mounted at uploads in [3-9] s: its security group must"
    assert re.search(told, said), said


def test_a_name_that_is_found_later_is_mounted(cloud: Cloud, tmp_path: Path) -> None:
    tried = tmp_path / "tried"
    said, _ = mounts(
        cloud, tmp_path, f"[[ -e {tried} ]] && exit; touch {tried}; echo unknown >&2; exit 32"
    ).communicate(timeout=20)
    assert "mounts: uploads is fs-1:/" in said
