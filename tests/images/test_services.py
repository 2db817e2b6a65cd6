"""Services of tests: on the machine that tests they are there before all else, and on
a server they never run."""

import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.images.cloud import Cloud
from tests.unit.nouns import settled

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]

APP, PORT = "orders", 8080
# It counts on its migration as an application does, and tells what it was given.
PROGRAM = r"""
require "socket"
told = ENV.slice("DATABASE_URL", "REDIS_URL", "OWN").map { |pair| pair.join("=") }.sort.join(" ")
server = TCPServer.new("0.0.0.0", Integer(ENV.fetch("PORT")))
loop do
  client = server.accept
  nil until client.gets.to_s.strip.empty?
  client.write("HTTP/1.1 200 OK\r\nContent-Length: #{told.bytesize}\r\n\r\n#{told}")
  client.close
end
"""
MIGRATE = (
    "[[ -z ${DATABASE_URL:-} ]] || "
    'psql --set ON_ERROR_STOP=1 "$DATABASE_URL" '
    '--command "CREATE TABLE orders (id int); INSERT INTO orders VALUES (7)"'
)
# The tests have a copy of what was migrated, and a queue of their own; they may do all in there.
TEST = r"""
exec > >(tee told) 2>&1
test "$(psql -At "$DATABASE_URL" -c 'SELECT id FROM orders')" = 7
psql "$DATABASE_URL" -c 'DELETE FROM orders' -c 'CREATE EXTENSION pgcrypto'
psql "$DATABASE_URL" -c 'CREATE DATABASE orders_test_1'
test "$(psql -At "${DATABASE_URL%/*}/app" -c 'SELECT id FROM orders')" = 7
test "$(redis-cli -u "$REDIS_URL" ping)" = PONG
test "${REDIS_URL##*/}" = 1
test "$OWN" = said
curl --silent "http://127.0.0.1:$PORT_OF_IT/" | grep 'DATABASE_URL=postgresql://test:test@127.0.0.1:5432/app'
# Without an address it is found by the socket, as the user that runs here.
psql --dbname test --tuples-only --command 'SELECT current_user'
echo '<testsuite tests="1" failures="0"><testcase name="t"/></testsuite>' >"$JUNIT"
"""


@pytest.fixture(scope="module")
def base(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base image with the services as well."""
    packages = tmp_path_factory.mktemp("base") / "packages"
    yield cloud.bake(
        "base",
        "services-base 1",
        {
            "source_ami": cloud.base_image(),
            "packages": ["postgresql", "redis-server"],
            "package_list": str(packages),
        },
    )


@pytest.fixture(scope="module")
def image(cloud: Cloud, base: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("orders")
    return cloud.bake_app(APPLICATION, archive(folder), base=base)


APPLICATION = settled(
    name=APP,
    port=PORT,
    health_path="/",
    environment={},
    build="ruby -c serve.rb",
    migrate=MIGRATE,
    start="ruby serve.rb",
    notify=False,
    test_services=("postgresql", "redis"),
)


def archive(folder: Path) -> Path:
    (folder / "serve.rb").write_text(PROGRAM)
    with tarfile.open(folder / "app.tar.gz", "w:gz") as packed:
        packed.add(folder / "serve.rb", "serve.rb")
    return folder / "app.tar.gz"


def test_they_are_there_for_the_migration_the_application_and_the_tests(
    cloud: Cloud, image: str, tmp_path: Path
) -> None:
    done = cloud.packer(
        "test",
        {
            "source_ami": image,
            "app_name": APP,
            "port": PORT,
            "health_port": PORT,
            "health_path": "/",
            "test_services": ["postgresql", "redis"],
            "test_environment": {"OWN": "said", "PORT_OF_IT": str(PORT)},
            "test_setup_command": "true",
            "test_command": TEST,
            "report_dir": str(tmp_path),
        },
    )
    assert done.returncode == 0, done.stdout + (tmp_path / "journal.log").read_text()
    assert 'name="t"' in (tmp_path / "junit.xml").read_text()


def test_a_server_never_starts_one(cloud: Cloud, image: str) -> None:
    server = cloud.boot(image)
    # Neither is it given an address.
    assert server.wait_for("/", port=PORT).text == ""
    units = server.run(
        "systemctl list-units --all --plain --no-legend 'postgresql*' 'redis*' || true"
    )
    assert "running" not in units
    assert server.run("systemctl is-enabled postgresql redis-server || true").split() == [
        "masked",
        "masked",
    ]
    assert server.run("pgrep --list-full 'postgres|redis-server' || true") == ""
    server.run("! systemctl start postgresql")
    assert "none is started" in server.run(f"journalctl --boot -u {APP}-services")


def test_what_the_base_image_does_not_have_is_told_before_the_build(
    cloud: Cloud, tmp_path: Path
) -> None:
    with pytest.raises(AssertionError, match="test-services: postgresql is not in the base image"):
        cloud.bake_app(APPLICATION, archive(tmp_path), name="orders without")
