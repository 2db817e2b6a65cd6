"""Folders on file systems of their own, on a real machine under real units. In place of NFS there
is a program of that name that mounts a folder of the machine: neither NFS nor EFS is seen here."""

import base64
import tarfile
import time
from pathlib import Path

import pytest

from spotkiln.bake.mounts import Mount
from spotkiln.serve.role import server_user_data
from tests.images.cloud import Cloud, Machine
from tests.unit.nouns import settled

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]

HOST = "fs-0123.efs.eu-west-1.amazonaws.com"
UPLOADS = Mount(folder="storage/uploads", name="shop-files", source=f"{HOST}:/uploads")
STATE = "/var/lib/keeper"
# As mount(8) calls it: SOURCE FOLDER -o OPTIONS.
STAND_IN = """\
#!/bin/sh
set -eu
echo "$@" >>/var/efs-asked
there=/var/efs/${1%%:*}${1#*:}
mkdir -p "$there"
exec mount --bind "$there" "$2"
"""
PROGRAM = """
require "webrick"

server = WEBrick::HTTPServer.new(BindAddress: "0.0.0.0", Port: ENV.fetch("PORT"), AccessLog: [])
server.mount_proc("/write") do |request, response|
  File.write(request.query.fetch("path"), "kept\\n")
  response.body = "written"
rescue SystemCallError => error
  response.body = error.message
end
server.mount_proc("/up") {}
trap("TERM") { File.write("storage/uploads/at-the-end", ""); server.shutdown }
server.start
"""
APP = settled(
    name="keeper",
    port=8080,
    build="ruby -c keeper.rb",
    migrate="touch storage/uploads/by-migration",
    migrate_on="each",
    start="ruby keeper.rb",
    notify=False,
    writable=("storage",),
    mounts=("storage/uploads",),
    environment={},
    test_environment={},
)


def archive_of(folder: Path) -> Path:
    (folder / "keeper.rb").write_text(PROGRAM)
    with tarfile.open(folder / "app.tar.gz", "w:gz") as archive:
        archive.add(folder / "keeper.rb", "keeper.rb")
        archive.add(folder / "keeper.rb", "storage/uploads/of-the-repository")
    return folder / "app.tar.gz"


@pytest.fixture(scope="module")
def base(cloud: Cloud) -> str:
    """A base image whose mount.nfs4 is the stand-in."""
    machine = cloud.boot(cloud.base_image(), "")
    coded = base64.b64encode(STAND_IN.encode()).decode()
    deadline = time.monotonic() + 60
    while machine.run("systemctl is-system-running || true").strip() not in {"running", "degraded"}:
        assert time.monotonic() < deadline
        time.sleep(0.3)
    machine.run(f"base64 --decode <<<{coded} >/usr/sbin/mount.nfs4; chmod +x /usr/sbin/mount.nfs4")
    made = cloud.ec2.create_image(InstanceId=machine.instance_id, Name="base with a stand-in")
    cloud.ec2.get_waiter("image_available").wait(
        ImageIds=[made["ImageId"]], WaiterConfig={"Delay": 1, "MaxAttempts": 120}
    )
    return str(made["ImageId"])


@pytest.fixture(scope="module")
def image(cloud: Cloud, base: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    archive = archive_of(tmp_path_factory.mktemp("keeper"))
    return cloud.bake_app(APP, archive, "keeper", base=base)


@pytest.fixture(scope="module")
def machine(cloud: Cloud, image: str) -> Machine:
    told = base64.b64decode(server_user_data(mounts=[UPLOADS])).decode()
    machine = cloud.boot(image, told)
    machine.wait_for("/up", port=8080)
    return machine


def test_what_it_writes_there_is_on_the_file_system(machine: Machine) -> None:
    """Its migration's words as well; what is beside it is in the state folder."""
    there = f"/var/efs/{HOST}/uploads"
    for path in ("storage/uploads/a", "storage/b"):
        assert machine.get(f"/write?path={path}", port=8080).text == "written"
    assert machine.run(f"ls {there}").split() == ["a", "by-migration"]
    assert machine.run(f"stat --format=%U {there}").strip() == "webapp"
    assert "b" in machine.run(f"ls {STATE}/writable/storage").split()
    asked = machine.run("cat /var/efs-asked")
    assert asked.startswith(f"{UPLOADS.source} {STATE}/writable/storage/uploads -o ")
    assert "nfsvers=4.1" in asked
    assert "hard" in asked


def test_it_ends_before_its_folder_goes(machine: Machine) -> None:
    """At a shutdown systemd ends what comes after something before that: also after a mount that
    it did not make itself."""
    unit = machine.run(f"systemd-escape --path --suffix=mount {STATE}/writable/storage/uploads")
    before = machine.run("systemctl show --property=After --value keeper").split()
    assert {unit.strip(), "keeper-mounts.service"} <= {*before}
    machine.run("systemctl stop keeper-mounts")
    assert "at-the-end" in machine.run(f"ls /var/efs/{HOST}/uploads").split()
    assert machine.run("systemctl is-active keeper || true").strip() != "active"


def test_without_its_file_system_nothing_starts(cloud: Cloud, image: str) -> None:
    """What it would write would be lost."""
    machine = cloud.boot(image)
    deadline = time.monotonic() + 60
    while machine.run("systemctl is-active keeper-mounts || true").strip() != "failed":
        assert time.monotonic() < deadline
        time.sleep(0.3)
    said = machine.run("journalctl --boot --unit=keeper-mounts")
    assert 'expected a line "# spotkiln-mount: storage/uploads SOURCE"' in said
    assert machine.run("systemctl is-active keeper || true").strip() == "inactive"


def test_a_machine_that_tests_has_an_ordinary_folder(cloud: Cloud, image: str) -> None:
    machine = cloud.boot(
        image, "#cloud-config\n# spotkiln-role: tester\n# spotkiln-environment: \n"
    )
    machine.wait_for("/up", port=8080)
    assert machine.get("/write?path=storage/uploads/a", port=8080).text == "written"
    held = machine.run(f"ls {STATE}/writable/storage/uploads").split()
    assert held == ["a", "by-migration", "of-the-repository"]
    assert machine.run("ls /var/efs 2>/dev/null || echo nothing").strip() == "nothing"


def test_a_base_that_cannot_mount_is_told_at_once(cloud: Cloud, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"need mount\.nfs4, .* Debian package nfs-common"):
        cloud.bake_app(APP, archive_of(tmp_path), "keeper without")
