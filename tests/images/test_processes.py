"""What an application runs beside its web process, on real machines under its real units."""

import tarfile
import time
from pathlib import Path

import pytest

from rehearsal.account import client
from spotkiln.bake.app import App
from spotkiln.bake.failure import test_failure as failure_of_test
from spotkiln.bake.packer_output import PackerRun
from spotkiln.bake.processes import Process, Timer
from spotkiln.errors import UnitFailed
from tests.images.cloud import Cloud, Machine
from tests.unit.nouns import settled, target_group

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

NOTES = "/var/lib/shop/notes"
JOB_SECONDS = 4
# Notes what happens to each of its processes. The worker needs a queue, and ends its job before it
# stops; the clock runs on one server only.
PROGRAM = f"""
require "webrick"

def note(text) = File.open("{NOTES}", "a") {{ |notes| notes.puts("#{{Time.now.to_i}} #{{text}}") }}

$stdout.sync = true
stopping = false
trap("TERM") {{ stopping = true }}
case kind = ARGV.fetch(0)
when "web"
  server = WEBrick::HTTPServer.new(Port: ENV.fetch("PORT"), AccessLog: [])
  server.mount_proc("/up") {{ |_, answer| answer.body = "up" }}
  note "web"
  trap("TERM") {{ server.shutdown }}
  server.start
when "report"
  note "report"
else
  raise "the queue #{{ENV["QUEUE"]}} is not there" if kind == "worker" && ENV["QUEUE"] != "here"
  sleep 1
  puts "#{{kind}} has no port" unless ENV["PORT"]
  note "#{{kind}} starts"
  sleep 0.1 until stopping
  sleep {JOB_SECONDS} if kind == "worker"
  note "#{{kind}} has ended its job"
end
"""
# Others may use this machine: Ruby itself can take seconds to start.
WORKER = Process(start="ruby shop.rb worker", start_seconds=10, stop_seconds=30, memory_mb=200)
APP = settled(
    name="shop",
    port=3000,
    health_path="/up",
    build="ruby -c shop.rb",
    test="echo '<testsuite><testcase name=\"a\"/></testsuite>' >$JUNIT",
    test_setup="",
    migrate="",
    start="ruby shop.rb web",
    notify=False,
    environment={"QUEUE": "here"},
    test_environment={"QUEUE": "here"},
    writable=(),
    processes={
        "worker": WORKER,
        "clock": Process(start="ruby shop.rb clock", start_seconds=10, stop_seconds=2, once=True),
    },
    timers={
        "report": Timer(run="ruby shop.rb report", on="*:*:0/2", seconds=20),
        "sweep": Timer(run="echo swept", on="*:*:0/2", once=True),
    },
)
CHECK = target_group(port=3000).health_check


def pack(folder: Path) -> Path:
    (folder / "shop.rb").write_text(PROGRAM)
    with tarfile.open(folder / "app.tar.gz", "w:gz") as archive:
        archive.add(folder / "shop.rb", "shop.rb")
    return folder / "app.tar.gz"


@pytest.fixture(scope="module")
def image(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> str:
    return cloud.bake_app(APP, pack(tmp_path_factory.mktemp("shop")), "shop processes")


def serve(cloud: Cloud, image: str) -> Machine:
    """A machine as a release makes it: in the target group that its tag names."""
    balancer = client(cloud.sandbox, "elbv2")
    (group,) = balancer.describe_target_groups(Names=["website"])["TargetGroups"]
    arn = group["TargetGroupArn"]
    machine = cloud.boot(
        image,
        profile="website",
        MetadataOptions={"InstanceMetadataTags": "enabled"},
        TagSpecifications=[
            {
                "ResourceType": "instance",
                "Tags": [{"Key": "spotkiln:target-group-arn", "Value": arn}],
            }
        ],
    )
    balancer.register_targets(TargetGroupArn=arn, Targets=[{"Id": machine.instance_id}])
    return machine


@pytest.fixture(scope="module")
def machine(cloud: Cloud, image: str) -> Machine:
    machine = serve(cloud, image)
    machine.wait_for("/up")
    return machine


def state(machine: Machine, name: str) -> str:
    return machine.run(f"systemctl is-active shop-{name} || true").strip()


def until(machine: Machine, name: str, wanted: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while (found := state(machine, name)) != wanted:
        assert time.monotonic() < deadline, (name, found, machine.run("journalctl -n 60"))
        time.sleep(0.5)


def noted(machine: Machine) -> list[str]:
    return [line.split(" ", 1)[1] for line in machine.run(f"cat {NOTES}").splitlines()]


def test_the_web_process_starts_once_the_others_run(machine: Machine) -> None:
    notes = [one for one in noted(machine) if one != "report"]
    assert notes[:2] == ["worker starts", "web"]
    assert [state(machine, one) for one in ("worker", "processes")] == ["active"] * 2
    # Its own limits, and what the web process has too.
    shown = machine.run("systemctl show -p MemoryMax,ProtectSystem,User shop-worker").split()
    assert sorted(shown) == ["MemoryMax=209715200", "ProtectSystem=strict", "User=webapp"]
    assert "worker has no port" in machine.run("journalctl --unit=shop-worker --no-pager")


def test_what_runs_by_the_clock_has_lines(machine: Machine) -> None:
    deadline = time.monotonic() + 20
    while noted(machine).count("report") < 2:
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert "Finished shop-report.service" in machine.run("journalctl -u shop-report --no-pager")
    assert "active" in machine.run("systemctl is-active shop-report.timer shop-sweep.timer")


def test_a_worker_that_was_killed_is_started_again(machine: Machine) -> None:
    before = noted(machine).count("worker starts")
    machine.run("systemctl kill --signal=KILL shop-worker")
    deadline = time.monotonic() + 20
    while noted(machine).count("worker starts") == before:
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert state(machine, "worker") == "active"
    assert machine.get("/up").status_code == 200


def test_stopping_waits_for_the_workers_job(cloud: Cloud, image: str) -> None:
    """Also when the whole machine stops; its web process is not waited for first."""
    machine = serve(cloud, image)
    machine.wait_for("/up")
    begun = time.monotonic()
    machine.run("systemctl stop shop-worker")
    assert time.monotonic() - begun >= JOB_SECONDS
    assert noted(machine).count("worker has ended its job") == 1
    # A person stopped it, and so it stays.
    time.sleep(8)
    assert state(machine, "worker") == "inactive"
    begins = noted(machine).count("worker starts")
    machine.run("systemctl start shop-worker")
    deadline = time.monotonic() + 20
    while noted(machine).count("worker starts") == begins:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    machine.run("systemctl stop --no-block shop.service shop-worker.service shop-processes.service")
    until(machine, "worker", "inactive", 20)
    assert noted(machine).count("worker has ended its job") == 2
    cloud.ec2.terminate_instances(InstanceIds=[machine.instance_id])


def test_a_worker_that_cannot_start_keeps_the_machine_from_serving(
    cloud: Cloud, tmp_path: Path
) -> None:
    """Its last lines are on the console, from where a release has them."""
    broken = APP.model_copy(update={"environment": {"QUEUE": "away"}, "timers": {}})
    image = cloud.bake_app(broken, pack(tmp_path), "shop without a queue")
    machine = serve(cloud, image)
    until(machine, "processes", "failed", 240)
    assert [state(machine, "worker"), machine.run("systemctl is-active shop || true").strip()] == [
        "failed",
        "inactive",
    ]
    time.sleep(6)
    shown = cloud.ec2.get_console_output(InstanceId=machine.instance_id, Latest=True)["Output"]
    assert "the queue away is not there" in shown
    assert "shop-worker.service does not start (exit-code); nothing of shop serves here" in shown
    assert "shop-worker.service: Start request repeated too quickly" in shown
    cloud.ec2.terminate_instances(InstanceIds=[machine.instance_id])


def image_test(cloud: Cloud, image: str, folder: Path, app: App) -> tuple[int, str]:
    """Packer's exit code, and what it said."""
    done = cloud.packer(
        "test",
        {
            "source_ami": image,
            "app_name": app.name,
            "port": app.port,
            "protocol": "http",
            "health_protocol": "http",
            "health_port": app.port,
            "health_path": app.health_path,
            "health_matcher": "200",
            "test_setup_command": "true",
            "test_command": app.test,
            "test_environment": app.test_environment,
            "process_names": list(app.processes),
            "start_seconds": app.serving_seconds,
            "smoke": [],
            "report_dir": str(folder),
        },
    )
    return done.returncode, done.stdout


def test_an_image_whose_processes_run_passes(cloud: Cloud, image: str, tmp_path: Path) -> None:
    """Also what runs on one server only: a machine that tests is alone."""
    code, said = image_test(cloud, image, tmp_path, APP)
    assert code == 0, said
    journal = (tmp_path / "journal.log").read_text()
    assert "Started shop-worker.service" in journal
    assert "Started shop-clock.service" in journal


@pytest.mark.parametrize("when", ["at its start", "while the tests run"])
def test_a_worker_that_does_not_run_fails_the_image(
    cloud: Cloud, image: str, tmp_path: Path, when: str
) -> None:
    app = APP
    if when == "at its start":
        app = APP.model_copy(update={"test_environment": {"QUEUE": "gone"}})
    else:
        # As the application's user, who may end its own processes.
        kill = "for n in 1 2 3; do pkill -KILL -f 'shop.rb [w]orker'; sleep 4; done; "
        app = APP.model_copy(update={"test": kill + APP.test})
    code, _ = image_test(cloud, image, tmp_path, app)
    assert code == 1
    run = PackerRun(exit_code=1, causes=["Script exited with non-zero exit status: 30"])
    error = failure_of_test(run, tmp_path, app, CHECK)
    assert isinstance(error, UnitFailed)
    assert "shop-worker.service failed: its process" in str(error)
    if when == "at its start":
        assert "the queue gone is not there" in error.last_lines


def test_what_runs_once_runs_on_the_lowest_healthy_one(
    cloud: Cloud, image: str, machine: Machine
) -> None:
    """And is handed over when that one goes, never on both."""
    until(machine, "clock", "active", 150)
    assert "swept" in machine.run("journalctl --unit=shop-sweep --no-pager")
    second = serve(cloud, image)
    second.wait_for("/up")
    lower, higher = sorted((machine, second), key=lambda one: one.instance_id)
    until(lower, "clock", "active", 200)
    assert state(higher, "clock") in {"inactive", "deactivating"}
    cloud.ec2.terminate_instances(InstanceIds=[lower.instance_id])
    until(higher, "clock", "active", 200)
    assert "swept" in higher.run("journalctl --unit=shop-sweep --no-pager --since=-10s")
    journal = higher.run("journalctl --unit=shop-processes --no-pager")
    assert f"{higher.instance_id} has the lowest id of the healthy targets" in journal
    cloud.ec2.terminate_instances(InstanceIds=[higher.instance_id])
