"""An application that does not serve, on a real machine under its real units: what the machine
tells of it, and the sentence that comes of that."""

import base64
import io
import shlex
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from spotkiln.bake.failure import test_failure as failure_of_test
from spotkiln.bake.packer_output import PackerRun
from spotkiln.errors import UnitFailed
from tests.images.cloud import Cloud, Machine
from tests.unit.nouns import ROOT, settled, target_group

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]

APP = settled(
    migrate_on="each",
    name="shop",
    port=8080,
    health_path="/health",
    environment={},
    build="ruby -c shop.rb",
    migrate="ruby shop.rb migrate",
    start="ruby shop.rb",
    notify=False,
)
REPORT = "/var/tmp/spotkiln-report"
STATUS = "Script exited with non-zero exit status: 30"

# Fails as its environment says: in one way as others do in one framework each.
PROGRAM = """
require "webrick"

mode = ENV.fetch("MODE")
if ARGV == ["migrate"]
  ENV.fetch("DATABASE_URL") if mode == "unset"
  exit
end
case mode
when "frozen" then File.write("data/server.pid", Process.pid)
when "killed" then Process.kill("KILL", Process.pid)
when "library" then abort "libpq.so.5: cannot open shared object file: No such file or directory"
when "ends" then exit
when "slow" then sleep 60
end
server = WEBrick::HTTPServer.new(
  BindAddress: mode == "local" ? "127.0.0.1" : "0.0.0.0",
  Port: mode == "port" ? 8000 : ENV.fetch("PORT"), AccessLog: [],
)
server.mount_proc("/health") do |request, response|
  case mode
  when "https" then response.set_redirect(WEBrick::HTTPStatus::MovedPermanently,
    "https://#{request.host}/health")
  when "hosts" then response.status = request.host.match?(/\\A(localhost|127)/) ? 200 : 403
  end
end
server.mount_proc("/") do
  File.write("data/page", "") if mode == "page"
rescue SystemCallError => error
  warn error.message
  raise
end
trap("TERM") { server.shutdown }
server.start
"""


def bake(cloud: Cloud, folder: Path, *, notify: bool = False) -> str:
    (folder / "shop.rb").write_text(PROGRAM)
    with tarfile.open(folder / "app.tar.gz", "w:gz") as archive:
        archive.add(folder / "shop.rb", "shop.rb")
        archive.add(folder / "shop.rb", "data/shop.rb")
    app = APP.model_copy(update={"notify": notify})
    return cloud.bake_app(app, folder / "app.tar.gz", f"shop {notify}")


@pytest.fixture(scope="module")
def image(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> str:
    return bake(cloud, tmp_path_factory.mktemp("shop"))


def coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def tried(machine: Machine, mode: str, folder: Path, *, start_seconds: int = 8) -> UnitFailed:
    """What is told of a start in that mode, on a machine that has its role."""
    machine.run(
        # Its boot may still be on its way to the role, which writes the same file.
        f"systemctl start {APP.name}-role; "
        f"systemctl stop {APP.name} {APP.name}-migrate; "
        f"systemctl reset-failed {APP.name} {APP.name}-migrate 2>/dev/null || true; "
        f"echo MODE={mode} >/run/spotkiln/{APP.name}/environment; "
        f"journalctl --rotate --vacuum-time=1s 2>/dev/null; "
        f"systemctl start --no-block {APP.name}-migrate {APP.name}"
    )
    settings = {
        "PARTS": "./test",
        "APP": APP.name,
        "USER": APP.user,
        "REPORT": REPORT,
        "PROTOCOL": "http",
        "PORT": str(APP.port),
        "SMOKE_BASE64": coded("/"),
        "PROCESSES": "",
        "HEALTH_PROTOCOL": "http",
        "HEALTH_PORT": str(APP.port),
        "HEALTH_PATH_BASE64": coded(APP.health_path),
        "HEALTH_MATCHER": "200",
        "HEALTH_ANSWER_SECONDS": "2",
        "MIGRATE_SECONDS": "60",
        "START_SECONDS": str(start_seconds),
        "TEST_SERVICES": "",
    }
    told = " ".join(f"SPOTKILN_{name}={shlex.quote(value)}" for name, value in settings.items())
    with io.BytesIO() as packed:
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            for name in ("test.sh", "test"):
                archive.add(ROOT / "packer" / "scripts" / name, name)
        scripts = base64.b64encode(packed.getvalue()).decode()
    machine.run(
        f"cd /root; base64 --decode <<<{scripts} | tar --extract --gzip; env {told} bash test.sh"
    )
    for name in ("facts", "journal.log", "test.log", "exit-code"):
        (folder / name).write_text(machine.run(f"cat {REPORT}/{name}"))
    assert (folder / "exit-code").read_text() == "30\n"
    return verdict(folder)


def verdict(folder: Path) -> UnitFailed:
    check = target_group(port=APP.port).health_check
    error = failure_of_test(PackerRun(exit_code=1, causes=[STATUS]), folder, APP, check)
    assert isinstance(error, UnitFailed)
    return error


def test_it_is_told_why_it_does_not_serve(cloud: Cloud, image: str, tmp_path: Path) -> None:
    machine = cloud.boot(image)
    address = f"http://{machine.address}:{APP.port}/health"
    expected: Mapping[str, list[str]] = {
        "local": ["it listens for this machine alone (", "127.0.0.1:8080)", "0.0.0.0"],
        "port": ["it listens at another port than 8080 (", "0.0.0.0:8000)", "$PORT"],
        "frozen": ["it writes to data/server.pid, which is read-only", "Add data to `writable`"],
        "killed": ["ended by signal 9", "too little memory", "`build.instance_type`"],
        "library": ["the shared library libpq.so.5 is missing", "exit status 1"],
        "ends": ["the start command has ended, without an error", "in the foreground"],
        "slow": ["it runs, but has not begun to listen", "`start_seconds`"],
        "https": [f"{address} was answered with 301", "it sends the health check to HTTPS"],
        "hosts": [f"{address} was answered with 403", "that checks the host's name"],
        "page": [
            f"http://{machine.address}:{APP.port}/ was answered with 500",
            "Add data to `writable`",
        ],
        "unset": [
            "shop-migrate.service failed: its process ended with exit status 1",
            "the setting DATABASE_URL is missing",
            "`test_environment`",
        ],
    }
    for mode, words in expected.items():
        error = tried(machine, mode, tmp_path)
        assert [word for word in words if word not in error.message] == [], error
    # The migration's own last words, and not those of the application, which never ran.
    assert 'key not found: "DATABASE_URL"' in error.last_lines
