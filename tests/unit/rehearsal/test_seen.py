"""What is seen of a server, from the words of look.sh and of its journal."""

import pytest

from rehearsal.scenes import stopped_in, workers
from rehearsal.seen import Server, most, parse, writes_freely, written
from spotkiln.bake.processes import Process
from tests.unit.rehearsal.subjects import APP, seen

SAID = """memory\tshop.service\t81234
memory\tshop-migrate.service\t0
memory\tshop-worker.service\t40000
state\tshop.service\tType\tnotify
state\tshop.service\tActiveState\tactive
state\tshop.service\tExecMainStartTimestampMonotonic\t12500000
state\tshop-migrate.service\tType\toneshot
state\tshop-migrate.service\tActiveState\tactive
state\tshop-migrate.service\tExecMainStartTimestampMonotonic\t0
state\tshop-worker.service\tType\texec
state\tshop-worker.service\tSubState\trunning
state\tshop-done.service\tSubState\texited
exposure\tshop.service\t2.3
exposure\tshop-migrate.service\t
denied\tshop.service\tEROFS: read-only file system, open '/srv/shop/a/b'
said\tshop.service\tshop.service: State 'stop-sigterm' timed out. Killing.
wrote\t/srv/shop/tmp/cache/a\t100
wrote\t/srv/shop/tmp/cache/b\t200
wrote\t/var/lib/shop/production.sqlite3\t4096
wrote\t/var/spool/cron/x\t1
garbage
"""
SERVER = parse("i-1", SAID)


def test_each_line_is_a_fact_and_others_are_passed_over() -> None:
    assert SERVER.memory == {
        "shop.service": 81234,
        "shop-migrate.service": 0,
        "shop-worker.service": 40000,
    }
    assert SERVER.exposure == {"shop.service": 2.3}
    assert SERVER.denied == {
        "shop.service": ("EROFS: read-only file system, open '/srv/shop/a/b'",)
    }
    assert list(SERVER.said) == ["shop.service"]
    assert SERVER.wrote["/srv/shop/tmp/cache/b"] == 200


def test_when_a_unit_began_if_it_has() -> None:
    assert SERVER.started("shop.service") == 12.5
    assert SERVER.started("shop-migrate.service") is None
    assert SERVER.started("shop-worker.service") is None


def test_a_worker_is_what_runs_of_its_processes() -> None:
    ends, runs = Process(start="end"), Process(start="run")
    app = APP.model_copy(update={"processes": {"done": ends, "worker": runs, "elsewhere": runs}})
    assert workers(SERVER, app) == ["shop-worker.service"]
    assert workers(SERVER, APP) == []


def test_the_most_that_any_server_had() -> None:
    assert most([{"a": 1, "b": 5}, {"a": 3}]) == {"a": 3, "b": 5}


def test_where_it_wrote_by_folder() -> None:
    app = APP.model_copy(update={"writable": ("tmp/cache",)})
    other = SERVER.model_copy(update={"instance": "i-2", "wrote": {"/srv/shop/tmp/cache/a": 1}})
    found = written(seen(app=app, servers=(SERVER, other)))
    assert found == {
        "/srv/shop/tmp/cache": (2, 300),
        "/var/lib/shop": (1, 4096),
        "/var/spool/cron": (1, 1),
    }


@pytest.mark.parametrize(
    ("path", "free"),
    [
        ("/srv/shop/tmp/x", True),
        ("/srv/shop/public", False),
        ("/srv/shop/tmpfile", False),
        ("/var/lib/shop", True),
        ("/var/lib/shop-2", False),
        ("/tmp/systemd-private-1/tmp", True),
        ("/etc", False),
    ],
)
def test_where_it_may_write(path: str, free: bool) -> None:
    assert writes_freely(path, APP.model_copy(update={"writable": ("tmp",)})) is free


def test_how_long_a_stop_took_by_the_journal_of_the_interruption() -> None:
    journal = """1732600000.100000 ip-10-0-0-1 shop-interruption[77]: watching for i-1
1732600010.250000 ip-10-0-0-1 shop-interruption[77]: left arn:aws:x
1732600015.500000 ip-10-0-0-1 shop-interruption[77]: stopping shop
1732600017.750000 ip-10-0-0-1 shop-interruption[77]: shop has stopped
"""
    assert stopped_in(journal, "shop") == 2.25
    assert stopped_in(journal.rpartition("1732600017")[0], "shop") is None
    assert stopped_in(journal, "sho") is None
    assert stopped_in("", "shop") is None


def test_a_server_that_said_nothing_is_empty() -> None:
    assert parse("i-1", "") == Server(instance="i-1")
