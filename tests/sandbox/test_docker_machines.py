"""Machines that are containers."""

import signal
import subprocess
import sys
from pathlib import Path

import docker
import pytest
from docker import DockerClient

from sandbox.machines.docker import base_image, images
from sandbox.machines.docker.apt import HostApt, Source
from sandbox.machines.docker.base_image import Recipe, build_context
from sandbox.machines.docker.container import Watcher
from sandbox.machines.docker.machines import DockerMachines
from sandbox.machines.docker.network import OWNER_LABEL, Addresses
from sandbox.machines.docker.sweep import leftovers, sweep
from sandbox.machines.protocol import MachineError, MachineState, ProbeResult
from tests.sandbox.cut import Cut
from tests.sandbox.docker_fleet import (
    NOTHING,
    Fleet,
    Key,
    bookworm,
    client,
    debian,
    fleet,
    key,
    machines,
    name,
    until,
)

__all__ = ["bookworm", "client", "debian", "fleet", "key", "machines", "name"]

IMAGE = "ami-11111111111111111"


@pytest.mark.docker
def test_without_debootstrap_the_next_step_is_named(
    client: DockerClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    apt = HostApt("bookworm", (Source("http://mirror.test/never", "bookworm", ("main",)),), "", ())
    with pytest.raises(MachineError, match="apt-get install debootstrap"):
        base_image.ensure_base_image(client, Recipe(apt, build_context(apt)), print)


@pytest.mark.docker
def test_a_debootstrap_that_fails_shows_its_last_lines(
    client: DockerClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "debootstrap"
    broken.write_text("#!/bin/sh\necho E: the mirror is away\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    apt = HostApt("bookworm", (Source("http://mirror.test/never", "bookworm", ("main",)),), "", ())
    with pytest.raises(MachineError, match="E: the mirror is away"):
        base_image.ensure_base_image(client, Recipe(apt, build_context(apt)), print)
    assert not list(Path("/var/tmp").glob("spotkiln-bootstrap-*"))


def metadata(path: str) -> str:
    """A shell command, run on a machine."""
    base = "http://169.254.169.254/latest"
    token = f"$(curl -sf -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' {base}/api/token)"
    return f'curl -sf -H "X-aws-ec2-metadata-token: {token}" {base}/{path}'


@pytest.mark.docker
def test_a_machine_boots_as_an_ec2_instance_does(fleet: Fleet) -> None:
    one = fleet.launch(user_data=b"#!/bin/sh\necho ran >> /root/user-data\n")
    # Before it boots: Packer 1.6.6 asks a Spot machine's once, right after its launch.
    address = fleet.machines.observe(one).address
    assert address
    fleet.until(one, "running", 300)
    assert fleet.machines.observe(one).address == address
    assert fleet.ssh(one, "id -un; sudo -n id -un") == "admin\nroot\n"
    assert fleet.ssh(one, "hostname") == f"ip-{address.replace('.', '-')}\n"
    assert fleet.ssh(one, "cloud-init status --wait") == "status: done\n"
    assert fleet.ssh(one, "systemctl is-system-running --wait") == "running\n"
    assert fleet.ssh(one, "sudo cat /root/user-data") == "ran\n"
    assert fleet.ssh(one, metadata("meta-data/instance-id")) == one
    refused = "curl -s -o /dev/null -w '%{http_code}' http://169.254.169.254/latest/meta-data/"
    assert fleet.ssh(one, refused) == "401"
    assert "Started ssh.service" in fleet.machines.console(one)
    assert fleet.machines.endpoint(one, 80) == (address, 80)
    assert fleet.machines.probe(one, 80, "/", 2).error == "refused"


@pytest.mark.docker
@pytest.mark.timeout(400)
def test_machines_of_both_debians_stand_side_by_side(fleet: Fleet, bookworm: str) -> None:
    """The older one's image is made when the first machine needs it."""
    machines = {fleet.running(): "13", fleet.running(bookworm): "12"}
    for one, number in machines.items():
        assert fleet.ssh(one, ". /etc/os-release; echo $VERSION_ID") == f"{number}\n"
        assert fleet.ssh(one, "systemctl is-system-running --wait") == "running\n"


@pytest.mark.docker
def test_what_needs_more_memory_than_the_type_has_is_killed_and_it_shows(fleet: Fleet) -> None:
    one = fleet.running(memory_mib=512)
    greedy = "python3 -c 'x = bytearray({} << 20)'"
    run = "sudo systemd-run --wait --quiet --unit={} {}"
    assert fleet.ssh(one, f"{run.format('modest', greedy.format(100))}; echo $?") == "0\n"
    told = fleet.ssh(one, f"{run.format('greedy', greedy.format(600))} 2>&1; echo $?")
    assert told.splitlines()[-1] == "255"
    shown = fleet.ssh(one, "systemctl show --property=Result,ExecMainStatus --value greedy")
    # systemd tells it from another SIGKILL where the host has control groups of version 2.
    assert shown.split() in (["oom-kill", "9"], ["signal", "9"])
    until(
        lambda: (
            "Out of memory: a process was killed; t3.micro has 512 MiB"
            in fleet.machines.console(one)
        ),
        "the kill on the console",
    )
    assert fleet.ssh(one, "systemctl is-active ssh") == "active\n"


@pytest.mark.docker
def test_systemd_of_one_machine_does_not_see_anothers(fleet: Fleet) -> None:
    """With a shared control group tree they would, and would stop each other's services."""
    first, second = fleet.launch(), fleet.launch()
    fleet.until(first, "running")
    fleet.until(second, "running")
    pids = "cat /sys/fs/cgroup/*/system.slice/ssh.service/cgroup.procs /dev/null | sort -u"
    for one in (first, second):
        assert "0" not in fleet.ssh(one, f"sudo sh -c '{pids}'").split()
    fleet.ssh(second, "sudo systemctl stop dbus.socket dbus.service systemd-logind.service")
    assert fleet.ssh(first, "systemctl is-active systemd-logind.service") == "active\n"


@pytest.mark.docker
def test_a_host_name_can_be_set_and_kept(fleet: Fleet) -> None:
    one = fleet.running()
    fleet.ssh(one, "sudo hostnamectl set-hostname mine")
    fleet.ssh(one, "echo preserve_hostname: true | sudo tee /etc/cloud/cloud.cfg.d/mine.cfg")
    fleet.machines.stop(one)
    fleet.until(one, "stopped")
    fleet.machines.start(one)
    fleet.until(one, "running")
    assert fleet.ssh(one, "hostname") == "mine\n"


@pytest.mark.docker
def test_an_image_carries_the_disk_to_new_machines(
    fleet: Fleet, client: DockerClient, name: str
) -> None:
    first = fleet.running(user_data=b"#!/bin/sh\necho ran >> /root/user-data\n")
    fleet.ssh(
        first, "cloud-init status --wait; echo kept > kept; sudo truncate -s 0 /etc/machine-id"
    )
    host_key = fleet.ssh(first, "cat /etc/ssh/ssh_host_ed25519_key.pub")
    fleet.machines.stop(first)
    fleet.until(first, "stopped")
    assert fleet.machines.endpoint(first, 22) is None
    fleet.image_of(first, IMAGE)
    second = fleet.running(IMAGE, user_data=b"#!/bin/sh\necho again >> /root/user-data\n")
    assert fleet.ssh(second, "cat kept") == "kept\n"
    assert fleet.ssh(second, "cloud-init status --wait && sudo cat /root/user-data").endswith(
        "ran\nagain\n"
    )
    assert fleet.ssh(second, "cat /etc/ssh/ssh_host_ed25519_key.pub") != host_key
    assert len(fleet.ssh(second, "cat /etc/machine-id").strip()) == 32
    assert fleet.ssh(second, "wc -l < .ssh/authorized_keys") == "1\n"
    # Deregistered while a machine uses it: it lives on with the machine, and then goes.
    fleet.machines.remove_image(IMAGE)
    until(lambda: fleet.machines.image_state(IMAGE) == "absent", "the image absent")
    tag = f"spotkiln-sandbox-{name}:{IMAGE}"
    assert tag in leftovers(client, name)["docker_images"]
    fleet.machines.reboot(second)
    fleet.machines.terminate(second)
    fleet.until(second, "gone")
    until(lambda: tag not in leftovers(client, name)["docker_images"], "the image removed")


@pytest.mark.docker
def test_a_machine_can_be_rebooted_and_shut_down_from_inside(fleet: Fleet) -> None:
    one = fleet.running()
    boot = "cat /proc/1/stat | cut -d' ' -f22"
    began = fleet.ssh(one, boot)
    fleet.ssh(one, "sudo systemd-run sh -c 'sleep 0.3; systemctl reboot'")
    until(lambda: "ebooting" in fleet.machines.console(one), "the reboot")
    until(lambda: _answers(fleet, one), "the machine back")
    assert fleet.machines.observe(one).status == "running"
    assert fleet.ssh(one, boot) != began
    fleet.ssh(one, "sudo systemd-run sh -c 'sleep 0.3; systemctl poweroff'")
    assert fleet.until(one, "stopped").reason == "shut down from inside"
    fleet.machines.start(one)
    fleet.until(one, "running")
    assert _answers(fleet, one)


def _answers(fleet: Fleet, instance_id: str) -> bool:
    address = fleet.machines.observe(instance_id).address
    options = ["-o", "ConnectTimeout=1", "-o", "StrictHostKeyChecking=no", "-o", "LogLevel=ERROR"]
    options += ["-o", "UserKnownHostsFile=/dev/null", "-i", str(fleet.key.path)]
    ssh = ["ssh", *options, f"admin@{address}", "true"]
    return subprocess.run(ssh, capture_output=True, timeout=30).returncode == 0


@pytest.mark.docker
def test_a_terminated_machine_leaves_its_console_and_nothing_else(
    fleet: Fleet, client: DockerClient, name: str
) -> None:
    one = fleet.running()
    fleet.machines.terminate(one)
    assert fleet.machines.observe(one).status == "stopping"
    fleet.machines.terminate(one)
    assert fleet.until(one, "gone") == MachineState("gone")
    assert leftovers(client, name)["containers"] == []
    assert "Stopped ssh.service" in fleet.machines.console(one)
    assert fleet.machines.probe(one, 80, "/", 1) == ProbeResult(error="timeout")


@pytest.mark.docker
@pytest.mark.parametrize("by", ["kill", "docker"])
def test_a_machine_that_vanishes_is_gone(
    fleet: Fleet, client: DockerClient, name: str, by: str
) -> None:
    one = fleet.running()
    if by == "kill":
        fleet.machines.kill(one)
    else:
        client.containers.get(f"spotkiln-sandbox-{name}-{one}").kill()
    state = fleet.until(one, "gone")
    assert state.reason in ("the machine was killed", "the machine vanished")
    until(lambda: leftovers(client, name)["containers"] == [], "its container removed")
    assert "Started ssh.service" in fleet.machines.console(one)


@pytest.mark.docker
def test_the_watcher_outlives_the_loss_of_its_connection(
    fleet: Fleet, name: str, tmp_path: Path
) -> None:
    first, second = fleet.running(), fleet.running()
    seen: list[str] = []
    way = Cut(tmp_path / "docker.sock")
    client = docker.DockerClient(base_url=way.url)
    watcher = Watcher(client, name, seen.append, seen.append)
    fleet.machines.kill(first)
    until(lambda: first in seen, "the watcher connected")
    opened = way.opened
    way.cut()
    fleet.machines.kill(second)  # while nobody listens
    until(lambda: second in seen, "the end of the machine seen")
    assert way.opened > opened
    watcher.close()
    way.close()
    client.close()


@pytest.mark.docker
def test_a_launch_that_fails_says_why(fleet: Fleet) -> None:
    one = fleet.launch("ami-unknown")
    assert "No such image" in fleet.until(one, "gone").reason
    fleet.machines.create_image(one, "ami-2", "test", {})
    until(lambda: fleet.machines.image_state("ami-2") == "failed", "the image failed")


@pytest.mark.docker
def test_a_launch_without_a_free_address_says_so(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(self: Addresses) -> str:
        raise MachineError("All 0 addresses")

    monkeypatch.setattr(Addresses, "take", none_left)
    assert fleet.machines.observe(fleet.launch()) == MachineState("gone", None, "All 0 addresses")


@pytest.mark.docker
def test_a_machine_ended_while_it_starts_is_gone(
    fleet: Fleet, client: DockerClient, name: str
) -> None:
    for end in (fleet.machines.terminate, fleet.machines.kill):
        end(fleet.launch())
    for one in fleet.launched:
        fleet.until(one, "gone")
    until(lambda: leftovers(client, name)["containers"] == [], "their containers removed")


@pytest.mark.docker
def test_a_spot_notice_reaches_the_machine(fleet: Fleet) -> None:
    one = fleet.running()
    fleet.machines.notice(one, "terminate", "2026-01-31T12:02:00Z")
    seen = fleet.ssh(one, metadata("meta-data/spot/instance-action"))
    assert seen == '{"action": "terminate", "time": "2026-01-31T12:02:00Z"}'


@pytest.mark.docker
def test_many_generations_are_squashed(
    fleet: Fleet, client: DockerClient, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "SQUASH_ABOVE_LAYERS", 1)
    first = fleet.running()
    fleet.ssh(first, "echo kept > kept")
    fleet.image_of(first, "ami-3")
    image = client.images.get(f"spotkiln-sandbox-{name}:ami-3")
    assert len(image.attrs["RootFS"]["Layers"]) == 1
    second = fleet.running("ami-3")
    assert fleet.ssh(second, "cat kept; sudo -n id -un") == "kept\nroot\n"
    fleet.machines.remove_image("ami-3")


@pytest.mark.docker
def test_two_sandboxes_side_by_side_and_one_that_was_killed(
    fleet: Fleet, client: DockerClient, name: str, key: Key
) -> None:
    """The second one runs in a process that is killed: its name is enough to sweep it."""
    other = f"{name}-other"
    mine = fleet.running()
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "tests.sandbox.abandoned", other, str(key.path)]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            answer = process.stdout.readline()
            assert answer == "i-abandoned\n"  # what the other machine's metadata said
            assert fleet.ssh(mine, metadata("meta-data/instance-id")) == mine
        finally:
            process.send_signal(signal.SIGKILL)
    left = leftovers(client, other)
    assert [len(left[kind]) for kind in ("containers", "networks", "routing_rules")] == [1, 1, 1]
    sweep(client, other)
    assert leftovers(client, other) == NOTHING
    assert fleet.ssh(mine, metadata("meta-data/instance-id")) == mine


@pytest.mark.docker
def test_a_kept_image_is_there_in_a_later_sandbox(
    fleet: Fleet, client: DockerClient, name: str, key: Key
) -> None:
    kept_key = f"recipe of {name}"
    first = fleet.running()
    fleet.ssh(first, "echo kept > kept")
    fleet.image_of(first, "ami-4")
    with pytest.raises(MachineError, match="ami-nothing cannot be kept: it is absent"):
        fleet.machines.keep_image("ami-nothing", kept_key, "x", {})
    tags = {"Name": 'with "quotes" and $signs'}
    fleet.machines.keep_image("ami-4", kept_key, "rails-base 1", tags)
    fleet.machines.remove_image("ami-4")
    later = DockerMachines(f"{name}-later")
    try:
        assert len(later.initial_images(["another key"])) == 6
        kept = later.initial_images([kept_key])[-1]
        assert (kept.image_id, kept.name, kept.owner_id) == (
            "ami-4",
            "rails-base 1",
            "123456789012",
        )
        assert kept.tags == tags
        second = Fleet(later, fleet.debian, key, [])
        assert second.ssh(second.running("ami-4"), "cat kept") == "kept\n"
        later.keep_image("ami-4", kept_key, "rails-base 2", {}, "arm64")
        newest = later.initial_images([kept_key])[-1]
        assert (newest.name, newest.architecture) == ("rails-base 2", "arm64")
    finally:
        later.close()
        images.forget_one(client, kept_key)
    assert leftovers(client, f"{name}-later") == NOTHING
    assert kept_key not in images.kept_keys(client)
    labels = f"{OWNER_LABEL}=kept"
    untagged = client.images.list(filters={"dangling": True, "label": labels})
    assert not [image for image in untagged if kept_key in str(image.labels)]
