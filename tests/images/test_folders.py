"""Where an application may write on a real machine under its real units, what it finds there at its
first start, and what its build has left for it."""

import subprocess
import tarfile

import httpx
import pytest

from tests.images.cloud import Cloud, Machine
from tests.unit.nouns import settled

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]

STATE = "/var/lib/shop"
# Serves at a port that only root may have, and says how it is at another, that only root may have
# as well. It writes where it is asked to.
PROGRAM = """
require "webrick"

def server(port)
  WEBrick::HTTPServer.new(BindAddress: "0.0.0.0", Port: port, AccessLog: [])
end

shop, health = server(ENV.fetch("PORT")), server(81)
shop.mount_proc("/write") do |request, response|
  File.write(request.query.fetch("path"), "written\\n")
  response.body = "written"
rescue SystemCallError => error
  response.body = error.message
end
shop.mount_proc("/tool") { |_, answer| answer.body = File.read(File.expand_path("~/.cache/tool")) }
health.mount_proc("/health") {}
trap("TERM") { [shop, health].each(&:shutdown) }
[shop, health].map { |one| Thread.new { one.start } }.each(&:join)
"""
APP = settled(
    name="shop",
    port=80,
    health_port=81,
    health_path="/health",
    build='mkdir ~/.cache; echo "found in $HOME" >~/.cache/tool; echo built >storage/by-build',
    migrate="echo version: $(cat db/version) >db/schema.rb; A=set sh -c 'echo $A' >storage/$$",
    migrate_on="each",
    start="MODE=one ruby shop.rb",
    notify=False,
    writable=("tmp", "tmp/pids", "storage", "uploads"),
    migrate_writable=("db",),
    environment={},
    test_environment={},
)
FILES = {
    "shop.rb": PROGRAM,
    "tmp/.keep": "",
    "storage/seed": "of the repository",
    "db/version": "7",
    "db/schema.rb": "version: 6",
    "lib/code.rb": "",
}


@pytest.fixture(scope="module")
def machine(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    folder = tmp_path_factory.mktemp("shop")
    for name, text in FILES.items():
        (folder / "shop" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "shop" / name).write_text(text)
    with tarfile.open(folder / "app.tar.gz", "w:gz") as archive:
        archive.add(folder / "shop", ".")
    machine = cloud.boot(cloud.bake_app(APP, folder / "app.tar.gz", "shop folders"))
    machine.wait_for("/tool", port=80)
    return machine


def write(machine: Machine, path: str) -> str:
    return machine.get(f"/write?path={path}", port=80).text


@pytest.mark.parametrize("path", ["tmp/a", "tmp/pids/server.pid", "storage/a", "uploads/a"])
def test_it_writes_to_its_folders(machine: Machine, path: str) -> None:
    """They are in its state folder; its own stays as the image has it."""
    assert write(machine, path) == "written"
    assert machine.run(f"cat {STATE}/writable/{path}") == "written\n"
    with pytest.raises(subprocess.CalledProcessError):
        machine.run(f"ls /srv/shop/{path}")


@pytest.mark.parametrize("path", ["a", "lib/code.rb", "db/schema.rb", "shop.rb", "/usr/local/a"])
def test_it_writes_nowhere_else(machine: Machine, path: str) -> None:
    assert "Read-only file system" in write(machine, path)


def test_what_repository_and_build_have_there_is_there_at_the_first_start(machine: Machine) -> None:
    found = {"tmp/.keep": "", "storage/seed": "of the repository", "storage/by-build": "built\n"}
    for path, text in found.items():
        assert machine.run(f"cat {STATE}/writable/{path}") == text
    owned = machine.run(f"stat --format='%U %a %n' {STATE} {STATE}/writable {STATE}/writable/tmp")
    assert owned.splitlines()[0] == f"webapp 750 {STATE}"
    assert {line.split()[0] for line in owned.splitlines()} == {"webapp"}


def test_the_migration_has_a_copy_of_its_own(machine: Machine) -> None:
    """It does not fail because it cannot write down what it did, and nobody serves from that."""
    assert machine.run(f"cat {STATE}/migration/db/schema.rb") == "version: 7\n"
    assert machine.run("cat /srv/shop/db/schema.rb") == "version: 6"
    # What is the application's is the migration's as well, and NAME=value stood before a command.
    assert "set\n" in machine.run(f"cat {STATE}/writable/storage/*")


def test_what_the_build_left_in_its_home_is_found(machine: Machine) -> None:
    assert machine.get("/tool", port=80).text == f"found in {STATE}\n"


def test_a_second_start_changes_nothing(machine: Machine) -> None:
    write(machine, "storage/seed")
    machine.run("systemctl restart shop-folders shop")
    machine.wait_for("/tool", port=80)
    assert machine.run(f"cat {STATE}/writable/storage/seed") == "written\n"
    # Lost with a volume that somebody mounted there, it is made anew.
    machine.run(f"systemctl stop shop; rm -r {STATE}/writable")
    machine.run("systemctl restart shop-folders && systemctl start shop")
    machine.wait_for("/tool", port=80)
    assert machine.run(f"cat {STATE}/writable/storage/seed") == "of the repository"


def test_it_listens_below_1024_by_one_right(machine: Machine) -> None:
    """Where Linux keeps these ports for those who have it, as it does outside of containers."""
    machine.run("mount -o remount,rw /proc/sys")
    machine.run("echo 1024 >/proc/sys/net/ipv4/ip_unprivileged_port_start")
    # Not counted among the starts of the tests before.
    machine.run("systemctl reset-failed shop; systemctl restart shop")
    machine.wait_for("/tool", port=80)
    assert machine.wait_for("/health", port=81).status_code == 200
    main = machine.run("systemctl show --property=MainPID --value shop").strip()
    status = machine.run(f"cat /proc/{main}/status")
    bits = {line.split(":")[0]: line.split()[-1] for line in status.splitlines() if ":" in line}
    just = f"{1 << 10:016x}"
    assert [bits[one] for one in ("CapEff", "CapBnd", "CapAmb")] == [just] * 3
    assert bits["NoNewPrivs"] == "1"
    # Without it the same would not listen.
    machine.run("rm /etc/systemd/system/shop.service.d/ports.conf && systemctl daemon-reload")
    machine.run("systemctl reset-failed shop; systemctl restart shop")
    machine.wait_for_log("shop", "Permission denied - bind")
    with pytest.raises(httpx.TransportError):
        machine.get("/tool", port=80)
