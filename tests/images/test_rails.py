"""Rails as it was generated: released as its files tell, it passes its image test and serves, with
nothing changed for the read-only folder. Whichever Rails the base image has makes it."""

import base64
import io
import tarfile
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from spotkiln.bake.app import App, AppSpec
from spotkiln.bake.description import Description
from spotkiln.bake.inside import look_inside
from spotkiln.bake.precedence import settle
from spotkiln.bake.variables import test_settings as settings_of_test
from tests.images.cloud import Cloud, Machine
from tests.unit.nouns import health_check, target_group

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]

STATE = "/var/lib/notes"
# Gems that the base image has not, none of which serves; then a page that writes to all that Rails
# writes to: database, cache, Active Storage.
GENERATE = r"""
cd /tmp
export HOME=/tmp
assets=--skip-asset-pipeline
if gem list --installed '^sprockets-rails$' >/dev/null; then assets=''; fi
rails new notes --skip-bundle --skip-git --skip-javascript --skip-system-test $assets --quiet
cd notes
sed -i -E "/^group/,/^end/d; /^gem .(sass-rails|jbuilder|tzinfo-data)/d; /^ruby/d" Gemfile
bundle install --local --quiet
RAILS_ENV=test bin/rails active_storage:install >/dev/null
cat >db/migrate/20240101000000_create_notes.rb <<'END'
class CreateNotes < ActiveRecord::Migration[6.1]
  def change
    create_table(:notes) { |table| table.string :text }
  end
end
END
cat >app/models/note.rb <<'END'
class Note < ApplicationRecord
end
END
cat >app/controllers/notes_controller.rb <<'END'
class NotesController < ApplicationController
  def index
    Note.create!(text: "kept")
    Rails.cache.write("seen", Note.count)
    file = ActiveStorage::Blob.create_and_upload!(io: StringIO.new("picture"), filename: "a.txt")
    render plain: "#{Note.count} #{file.download} #{Rails.version}"
  end
end
END
sed -i 's/^Rails.application.routes.draw do/&\n  root "notes#index"/' config/routes.rb
rm -rf Gemfile.lock log/* tmp/cache .bundle db/*.sqlite3* storage/*.sqlite3*
"""
PASSED = '<testsuite><testcase name="fine"/></testsuite>'


class Generated(NamedTuple):
    """`rails` is its version's first two numbers."""

    rails: tuple[int, ...]
    archive: Path
    app: App


def generate(cloud: Cloud, base: str, folder: Path) -> Generated:
    machine = cloud.boot(base, "")
    machine.run(GENERATE)
    packed = base64.b64decode(machine.run("tar -C /tmp/notes -cz . | base64"))
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(folder / "notes", filter="data")
    (folder / "app.tar.gz").write_bytes(packed)
    version = machine.run("rails --version").split()[-1]
    rails = tuple(int(part) for part in version.split(".")[:2])
    home = folder / "notes"
    names = [str(one.relative_to(home)) for one in home.rglob("*") if one.is_file()]
    own = Description(
        environment={
            "SECRET_KEY_BASE": "of-the-tests-" * 8,
            # Since 7.1 Rails generates production without a name for SQLite's file.
            **({"DATABASE_URL": "sqlite3:storage/production.sqlite3"} if rails >= (7, 1) else {}),
        },
        test=f"echo '{PASSED}' >\"$JUNIT\"",
    )
    asked = AppSpec(name="notes", repository=".")
    app = settle(asked, own, look_inside(home, names).detected).app
    return Generated(rails, folder / "app.tar.gz", app)


@pytest.fixture(scope="module")
def generated(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Generated:
    return generate(cloud, cloud.base_image(), tmp_path_factory.mktemp("generated"))


@pytest.fixture(scope="module")
def image(cloud: Cloud, generated: Generated) -> str:
    return cloud.bake_app(generated.app, generated.archive)


@pytest.fixture(scope="module")
def machine(cloud: Cloud, image: str) -> Machine:
    machine = cloud.boot(image)
    machine.run("touch /run/booted")
    machine.wait_for("/", seconds=90)
    return machine


def page(machine: Machine) -> httpx.Response:
    """As a load balancer asks that ends TLS."""
    return httpx.get(
        f"http://{machine.address}:3000/",
        headers={"X-Forwarded-Proto": "https"},
        timeout=20,
        trust_env=False,
    )


def test_its_files_tell_where_it_writes(generated: Generated) -> None:
    database = ("db",) if generated.rails < (7, 1) else ()
    folders = (*database, "log", "storage", "tmp", "tmp/cache", "tmp/pids")
    assert generated.app.writable == folders
    assert generated.app.migrate_writable == (() if database else ("db",))
    assert generated.app.smoke == ("/",)


def test_it_passes_its_image_test(
    cloud: Cloud, generated: Generated, image: str, tmp_path: Path
) -> None:
    """Its migration writes down the schema, which it does not in production."""
    group = target_group(health_check=health_check(path=generated.app.health_path))
    done = cloud.packer(
        "test",
        {
            **settings_of_test(generated.app, group),
            "source_ami": image,
            "app_name": "notes",
            "report_dir": str(tmp_path),
        },
    )
    assert done.returncode == 0, done.stdout + (tmp_path / "journal.log").read_text()
    said = (tmp_path / "test.log").read_text()
    assert "test: / was answered with 200" in said
    assert "may not write" not in said


def test_it_serves_as_it_was_generated(machine: Machine, generated: Generated) -> None:
    version = ".".join(map(str, generated.rails))
    pages = [page(machine).text.split() for _ in range(2)]
    assert [one[1:] for one in pages] == [["picture", one[2]] for one in pages]
    assert all(one[2].startswith(version) for one in pages)
    assert int(pages[1][0]) == int(pages[0][0]) + 1


def test_what_it_wrote_is_in_its_state_folder(machine: Machine, generated: Generated) -> None:
    page(machine)
    written = machine.run(f"cd {STATE}/writable && find . -type f -newer /run/booted").split()
    place = "./storage/" if generated.rails >= (7, 1) else "./db/"
    assert any(one.startswith(f"{place}production.sqlite3") for one in written)
    assert len([one for one in written if one.startswith("./storage/") and "sqlite" not in one]) > 1
    assert any(one.startswith("./tmp/cache/") for one in written)
    if generated.rails < (7, 1):
        assert "./tmp/pids/server.pid" in written
    # Bootsnap's, from the build.
    assert "bootsnap" in machine.run(f"ls {STATE}/writable/tmp/cache")
    assert machine.run("find /srv/notes -newer /run/booted") == ""


def test_nothing_was_refused(machine: Machine) -> None:
    page(machine)
    said = machine.run("journalctl --boot --unit=notes --unit=notes-migrate")
    logs = machine.run(f"cat {STATE}/writable/log/*.log 2>/dev/null || true")
    for sign in ("Read-only file system", "EROFS", "readonly database"):
        assert sign not in said + logs
