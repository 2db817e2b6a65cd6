"""Real images, made by real Packer, booted: the demo application under its hardened unit."""

import json
import re
import subprocess
import tarfile
import time
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from spotkiln.bake.app import App
from spotkiln.bake.contents import LISTING, Kind, of_machine
from spotkiln.bake.detect.detect import detect
from spotkiln.bake.precedence import settle
from spotkiln.bake.tree import Tree, worth_reading
from tests.images.cloud import Cloud, Machine
from tests.unit.nouns import ROOT, app, settled

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def demo() -> App:
    """As a release of it would find it."""
    folder = ROOT / "examples" / "demo-web-app"
    names = {str(x.relative_to(folder)) for x in folder.rglob("*") if x.is_file()}
    texts = {one: (folder / one).read_text() for one in names if worth_reading(one)}
    return settle(app(), None, detect(Tree(names=frozenset(names), texts=texts))).app


@pytest.fixture(scope="module")
def image(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The demo application's image, made from v1."""
    folder = tmp_path_factory.mktemp("v1")
    subprocess.run(["bash", ROOT / "examples/make_refs.sh", folder / "refs"], check=True)
    archive = folder / "app.tar.gz"
    subprocess.run(
        ["git", "-C", folder / "refs", "archive", f"--output={archive}", "v1"], check=True
    )
    return cloud.bake_app(demo(), archive, commit=COMMIT)


@pytest.fixture(scope="module")
def machine(cloud: Cloud, image: str) -> Machine:
    machine = cloud.boot(image)
    machine.wait_for("/up")
    return machine


def test_serves_its_revision_under_its_own_name(machine: Machine) -> None:
    page = machine.get("/")
    name = f"demo-web-app-{machine.instance_id}"
    assert page.status_code == 200
    assert page.headers["X-Revision"] == COMMIT
    assert COMMIT[:12] in page.text
    assert name in page.text
    assert machine.run("hostname").strip() == name
    # sudo and others look their own name up.
    assert machine.address in machine.run("getent ahosts $(hostname)")


def test_assets_were_compiled_when_the_image_was_made(machine: Machine) -> None:
    sheet = re.search(r'href="(/assets/application-[0-9a-f]{8,64}\.css)"', machine.get("/").text)
    assert sheet
    assert "--accent" in machine.get(sheet[1]).text


def test_serves_while_hardened(machine: Machine) -> None:
    said = machine.run("systemd-analyze security --no-pager demo-web-app.service")
    exposure = re.search(r"Overall exposure level for demo-web-app.service: (\d+\.\d)", said)
    assert exposure
    assert float(exposure[1]) < 3.0
    assert machine.get("/up").status_code == 200
    # The server replaced the shell: it is what systemd watches and stops.
    main = machine.run("systemctl show --property=MainPID --value demo-web-app").strip()
    assert "puma" in machine.run(f"cat /proc/{main}/cmdline")
    assert machine.run(f"stat --format=%U /proc/{main}").strip() == "webapp"


def test_secret_and_database_belong_to_the_machine(machine: Machine) -> None:
    state = machine.run("stat --format='%a %U %n' /var/lib/demo-web-app/*").splitlines()
    assert "600 webapp /var/lib/demo-web-app/secret_key_base" in state
    environment = machine.run("stat --format='%a %U %G' /etc/demo-web-app/environment").strip()
    assert environment == "640 root webapp"
    assert "SECRET" not in machine.run("cat /etc/demo-web-app/environment")


def test_nothing_of_the_builder_is_left(cloud: Cloud, image: str, machine: Machine) -> None:
    other = cloud.boot(image)
    other.wait_for("/up")
    for own in ["/etc/machine-id", "/etc/ssh/ssh_host_ed25519_key.pub"]:
        assert machine.run(f"cat {own}") != other.run(f"cat {own}")
    secret = "cat /var/lib/demo-web-app/secret_key_base"
    assert machine.run(secret) != other.run(secret)
    assert "packer" not in other.run("cat /home/*/.ssh/authorized_keys 2>/dev/null || true")
    assert other.run("find /var/lib/apt/lists /var/cache/apt/archives -type f -size +0") == ""
    assert "ip-" not in other.run("journalctl --boot --no-pager --output=short --unit=demo-web-app")
    # systemd's own private folders are of this boot.
    left = other.run(
        "find /tmp /var/tmp -mindepth 1 -maxdepth 1 -not -name '.*' -not -name 'systemd-private-*'"
    )
    assert left == ""
    assert "test" in other.run("cat /srv/demo-web-app/.bundle/config")
    with pytest.raises(subprocess.CalledProcessError):
        other.run("cd /srv/demo-web-app && bundle exec rspec --version")


def test_says_what_packages_it_was_made_of(machine: Machine) -> None:
    packages = machine.run("cat /etc/spotkiln/packages").splitlines()
    assert packages == sorted(packages)
    assert any(line.startswith("ruby-rails=") for line in packages)


def report_of(cloud: Cloud, image: str, folder: Path, **variables: Any) -> tuple[int, str, Path]:
    done = cloud.packer(
        "test",
        {
            "source_ami": image,
            "app_name": "demo-web-app",
            "report_dir": str(folder),
            **variables,
        },
    )
    return done.returncode, done.stdout, folder


def test_tests_pass_in_the_image_and_report(cloud: Cloud, image: str, tmp_path: Path) -> None:
    code, said, folder = report_of(cloud, image, tmp_path)
    assert code == 0, said
    assert (folder / "exit-code").read_text().strip() == "0"
    suite = ElementTree.parse(folder / "junit.xml").getroot()
    assert int(suite.attrib["tests"]) == len(suite.findall("testcase")) > 0
    assert suite.attrib["failures"] == "0"
    assert "10 examples, 0 failures" in (folder / "test.log").read_text()
    assert "Started demo-web-app.service" in (folder / "journal.log").read_text()
    contents = of_machine(image, (folder / LISTING).read_text())
    assert contents.os == "debian"
    assert contents.os_version.isdecimal()
    assert contents.codename.isalpha()
    sources = {one.name: one.source for one in contents.of(Kind.DEB)}
    assert sources["libc6"] == "glibc"
    assert sources["ruby-rails"] == "rails"
    assert len(sources) > 200


def test_report_comes_home_when_tests_fail(cloud: Cloud, image: str, tmp_path: Path) -> None:
    red = 'rm lib/machine_secret.rb; bundle exec rspec --format RspecJunitFormatter --out "$JUNIT"'
    break_spec = "sed -i s/presence/absence/ app/models/note.rb"
    code, said, folder = report_of(
        cloud, image, tmp_path, test_command=red.replace("rm lib/machine_secret.rb", break_spec)
    )
    assert code == 1
    assert "non-zero exit status: 20" in said
    assert (folder / "exit-code").read_text().strip() == "20"
    suite = ElementTree.parse(folder / "junit.xml").getroot()
    assert int(suite.attrib["failures"]) > 0
    assert "test: the tests failed" in (folder / "test.log").read_text()


def test_unit_that_does_not_answer_is_told_apart(cloud: Cloud, image: str, tmp_path: Path) -> None:
    code, said, folder = report_of(cloud, image, tmp_path, health_path="/nowhere", start_seconds=15)
    assert code == 1
    assert "non-zero exit status: 30" in said
    assert (folder / "junit.xml").read_bytes() == b""
    # In the tests' environment, in which the unit runs here, Rails raises instead of answering 404.
    assert "\nstatus=500\n" in (folder / "facts").read_text()
    assert "Started demo-web-app.service" in (folder / "journal.log").read_text()


def test_crash_is_restarted_and_crash_loop_fails_visibly(cloud: Cloud, image: str) -> None:
    machine = cloud.boot(image)
    machine.wait_for("/up")
    machine.run("systemctl kill --signal=KILL demo-web-app")
    time.sleep(2)
    assert machine.wait_for("/up").status_code == 200

    machine.run("echo 'raise %q(broken)' >>/srv/demo-web-app/config/puma.rb")
    machine.run("systemctl restart demo-web-app || true")
    deadline = time.monotonic() + 60
    while (state := machine.run("systemctl is-active demo-web-app || true").strip()) != "failed":
        assert time.monotonic() < deadline, f"the unit is still {state}"
        time.sleep(1)
    journal = machine.run("journalctl --unit=demo-web-app --no-pager")
    assert "Start request repeated too quickly" in journal


SERVER = """
require "json"
require "webrick"

server = WEBrick::HTTPServer.new(Port: ENV.fetch("PORT"))
server.mount_proc("/") do |_, response|
  response.body = JSON.generate(
    arguments: ARGV, greeting: ENV.fetch("GREETING"), mode: ENV.fetch("MODE"),
    main: Process.pid.to_s == `systemctl show --property MainPID --value hello`.strip
  )
end
trap("TERM") { server.shutdown }
server.start
"""


def test_any_application_and_any_command(cloud: Cloud, tmp_path: Path) -> None:
    """A server that cannot notify, arguments and values with every character that is special
    to a shell, to systemd or to Packer, and a migration that fails at its first try; in a folder
    of a repository, beside what it depends on."""
    (tmp_path / "serve.rb").write_text(SERVER)
    with tarfile.open(tmp_path / "app.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "serve.rb", "apps/hello/serve.rb")
        archive.add(tmp_path / "serve.rb", "shared/beside.rb")
    greeting = "\"a\" $b `c` \\d {{ e }} 'f' %h & #g"
    arguments = """'two words' 100% "$PORT" "a\\\\b" '{{ c }}' '&d'"""
    hello = settled(
        name="hello",
        folder="apps/hello",
        user="hello",
        port=8080,
        environment={"GREETING": greeting},
        build_environment={"BUILD_GREETING": greeting},
        # What it leaves running, and with its output open, is not waited for.
        build='test -z "${GREETING:-}" && printenv BUILD_GREETING >built\n'
        "sleep 999&\nruby -c ../../shared/beside.rb",
        migrate='test -e "$HOME/tried" || { touch "$HOME/tried"; false; }',
        migrate_on="each",
        start=f"""MODE="so 'fine' $PORT" ruby serve.rb {arguments}""",
        notify=False,
    )
    image = cloud.bake_app(hello, tmp_path / "app.tar.gz")
    machine = cloud.boot(image)
    seen = json.loads(machine.wait_for("/", port=8080).text)
    assert seen == {
        "arguments": ["two words", "100%", "8080", "a\\b", "{{ c }}", "&d"],
        "greeting": greeting,
        "mode": "so 'fine' 8080",
        "main": True,
    }
    there = "/srv/hello/apps/hello/built /srv/hello/apps/hello/REVISION /var/lib/hello/tried"
    assert machine.run(f"ls {there}").count("\n") == 3
    assert machine.run("cat /srv/hello/apps/hello/built").strip() == greeting
    assert machine.run("hostname").strip() == f"hello-{machine.instance_id}"
