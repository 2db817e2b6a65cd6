"""What is detected that an application runs beside its web process."""

from typing import Any

import pytest

from spotkiln.bake.detect.detected import Detected, Finding
from spotkiln.bake.precedence import settle
from spotkiln.bake.processes import Process
from spotkiln.show.checked import hints
from spotkiln.show.manifest import new_manifest
from tests.unit.bake.trees import ALL, RAILS_8, lock, told
from tests.unit.nouns import app, settled

DJANGO: dict[str, str] = ALL["Django, pip"]


def processes(found: Detected) -> Finding:
    one = found.find("processes")
    assert one
    return one


def suggests_processes(found: Detected) -> bool:
    return any(one.key == "processes" for one in found.suggested)


def suggestion(found: Detected) -> tuple[dict[str, Any], str]:
    (one,) = (one for one in found.suggested if one.key == "processes")
    assert one.key == "processes"
    return one.value, one.why


def test_a_procfiles_other_lines_are_processes() -> None:
    procfile = (
        "web: bundle exec puma\nrelease: rails db:migrate\nworker: bundle exec sidekiq -q mail\n"
        "slow_jobs: QUEUE=slow bin/jobs\nclock: bundle exec clockwork clock.rb\n"
    )
    found = processes(told(**{**RAILS_8, "Procfile": procfile}))
    assert found.value == {
        "worker": Process(start="bundle exec sidekiq -q mail"),
        "slow-jobs": Process(start="QUEUE=slow bin/jobs"),
        "clock": Process(start="bundle exec clockwork clock.rb", once=True),
    }
    assert found.why == (
        "Procfile has worker, slow-jobs, clock; "
        "clock is for one server only, by its name or command"
    )
    taken = settle(app(test="make test"), None, told(**{**RAILS_8, "Procfile": procfile})).app
    assert taken.processes == found.value


def test_lines_that_can_be_no_process_are_told() -> None:
    procfile = "web: puma\nworker: ruby a.rb && ruby b.rb\nconsole: irb\nmail: ruby mail.rb\n"
    found = processes(told(**{**RAILS_8, "Procfile": procfile}))
    assert found.value == {"mail": Process(start="bundle exec ruby mail.rb")}
    assert "worker is left out: it is no single command, `&&` is followed by" in found.why
    assert "console is left out: a unit of every machine is called so" in found.why


def test_a_procfile_without_others_says_nothing() -> None:
    assert told(**{**RAILS_8, "Procfile": "web: puma\nrelease: true\n"}).find("processes") is None


def test_of_python_they_are_those_of_the_virtual_environment() -> None:
    procfile = "web: gunicorn shop.wsgi\nworker: celery -A shop worker\nbeat: celery -A shop beat\n"
    found = processes(told(**{**DJANGO, "Procfile": procfile}))
    assert found.value == {
        "worker": Process(start=".venv/bin/celery -A shop worker"),
        "beat": Process(start=".venv/bin/celery -A shop beat", once=True),
    }


@pytest.mark.parametrize(
    ("gem", "start", "notify"),
    [
        ("sidekiq (7.2.4)", "bundle exec sidekiq", True),
        ("sidekiq (5.2.10)", "bundle exec sidekiq", False),
        ("good_job (3.29.0)", "bundle exec good_job start", False),
        ("delayed_job (4.1.11)", "bundle exec rake jobs:work", False),
    ],
)
def test_what_runs_jobs_is_suggested(gem: str, start: str, *, notify: bool) -> None:
    """And no more: the machine that tests would run it, and may not have what it needs."""
    files = {**RAILS_8, "Gemfile.lock": lock("rails (8.0.1)", "puma (6.5.0)", gem)}
    found = told(**files)
    assert found.find("processes") is None
    value, why = suggestion(found)
    assert (value["worker"].start, value["worker"].notify) == (start, notify)
    assert why.startswith(f"Gemfile.lock has {gem.split()[0]}")
    # Somebody who wrote a Procfile has said it.
    assert not suggests_processes(told(**{**files, "Procfile": "worker: bin/work\n"}))


def test_solid_queue_where_puma_does_not_run_it() -> None:
    files = {
        **RAILS_8,
        "Gemfile.lock": lock("rails (8.0.1)", "puma (6.5.0)", "solid_queue (1.1.0)"),
        "bin/jobs": "",
        "config/environments/production.rb": "  config.active_job.queue_adapter = :solid_queue\n",
        "config/puma.rb": 'plugin :solid_queue if ENV["SOLID_QUEUE_IN_PUMA"]\n',
    }
    assert suggestion(told(**files))[0] == {"worker": Process(start="bin/jobs")}
    assert not suggests_processes(told(**{**files, "config/puma.rb": "plugin :solid_queue\n"}))
    assert not suggests_processes(told(**{**files, "config/environments/production.rb": ""}))


def test_celery_and_its_timetable() -> None:
    files = {
        **DJANGO,
        "requirements.txt": DJANGO["requirements.txt"] + "\ncelery==5.4.0\n",
        "shop/celery.py": "app = Celery('shop')\n",
    }
    value, why = suggestion(told(**files))
    assert value == {
        "worker": Process(start=".venv/bin/python -m celery --app shop worker --loglevel INFO")
    }
    assert "shop/celery.py is there: nothing else runs its jobs" in why
    value, _ = suggestion(told(**{**files, "shop/celery.py": "app.conf.beat_schedule = {}\n"}))
    assert value["beat"].once
    assert "--schedule $STATE_DIRECTORY/" in value["beat"].start


def test_a_new_file_has_them_with_reasons() -> None:
    procfile = "web: puma\nworker: bundle exec sidekiq\nclock: bin/clock\n"
    text = new_manifest(told(**{**RAILS_8, "Procfile": procfile}))
    assert (
        "# Procfile has worker, clock; clock is for one server only, by its name or command\n"
        "processes:\n  worker:\n    start: bundle exec sidekiq\n"
        "  clock:\n    start: bin/clock\n    once: true\n"
    ) in text
    files = {**RAILS_8, "Gemfile.lock": lock("rails (8.0.1)", "sidekiq (7.2.4)")}
    assert (
        "test_services: [redis]`. To take it:\n# processes:\n#   worker:\n"
        "#     start: bundle exec sidekiq\n#     notify: true\n"
    ) in new_manifest(told(**files))


def test_hints() -> None:
    found = told(**{**RAILS_8, "Gemfile.lock": lock("rails (8.0.1)", "sidekiq (7.2.4)")})
    assert any(
        "nothing else runs its jobs" in one and "worker: bundle exec sidekiq" in one
        for one in hints(settled(), suggested=found.suggested)
    )
    worker = settled(processes={"worker": Process(start="a")})
    assert not any("processes" in one for one in hints(worker, suggested=found.suggested))
    clock = settled(processes={"clock": Process(start="bin/clock")})
    assert any("`once: true`" in one for one in hints(clock))
    locked = frozenset({"bin/clock"})
    assert any(
        one.startswith("processes.clock.start: bin/clock is not") for one in hints(clock, locked)
    )
