"""The search for secrets finds what is planted, in each of its places."""

import base64
import gzip
import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.leaks import CHUNK_BYTES, Leak, Search, Watch

VALUE = 'planted "and" odd/secret'
OTHER = "another-secret-42"
SEARCH = Search({"ONE": VALUE, "TWO": OTHER})


@pytest.mark.parametrize(
    "written",
    [
        lambda value: value,
        json.dumps,
        lambda value: json.dumps(json.dumps({"a": value})),
        lambda value: f"https://user:{quote(value, safe='')}@host/",
        lambda value: value.encode().hex(),
        *(
            lambda value, before=before: base64.b64encode(
                f"{'x' * before}{value}{'y' * (7 - before)}".encode()
            ).decode()
            for before in range(3)
        ),
    ],
)
def test_a_value_is_found_however_it_is_written(written: Callable[[str], str]) -> None:
    text = f"before {written(VALUE)} after"
    assert SEARCH.in_text("here", text) == [Leak("here", "ONE")]
    assert SEARCH.in_text("here", text.replace(written(VALUE), written("no such value"))) == []


def test_what_lies_across_two_chunks_is_found() -> None:
    content = b"x" * (CHUNK_BYTES - 5) + OTHER.encode() + b"y" * CHUNK_BYTES
    places = iter(range(0, len(content), CHUNK_BYTES))

    def read(size: int) -> bytes:
        at = next(places, len(content))
        return content[at : at + size]

    assert SEARCH.in_stream("stream", read) == [Leak("stream", "TWO")]


def test_in_folders(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "file").write_text(f"a {OTHER} b")
    with gzip.open(tmp_path / "packed.gz", "wb") as packed:
        packed.write(VALUE.encode() * 3)
    (tmp_path / f"name-{OTHER}").write_text("nothing")
    (tmp_path / "clean").write_text("nothing")
    assert SEARCH.in_folder(tmp_path) == [
        Leak(f"{tmp_path}/deep/file", "TWO"),
        Leak(f"name of {tmp_path}/name-{OTHER}", "TWO"),
        Leak(f"{tmp_path}/packed.gz", "ONE"),
    ]


def test_in_a_database(tmp_path: Path) -> None:
    file = tmp_path / "prefect.db"
    with sqlite3.connect(file) as database:
        database.execute("CREATE TABLE log (message TEXT, data JSON)")
        database.execute("CREATE TABLE artifact (data BLOB)")
        database.execute("INSERT INTO log VALUES (?, ?)", ("x", json.dumps({"a": VALUE})))
        # Over several pages, among which its bytes do not lie in a row.
        database.execute("INSERT INTO artifact VALUES (?)", (b"z" * 4070 + OTHER.encode() * 300,))
    database.close()
    found = SEARCH.in_database(file)
    assert Leak("Prefect: table log", "ONE") in found
    assert Leak("Prefect: table artifact", "TWO") in found


def test_in_a_database_what_was_deleted(tmp_path: Path) -> None:
    file = tmp_path / "prefect.db"
    with sqlite3.connect(file) as database:
        database.execute("PRAGMA secure_delete = OFF")
        database.execute("CREATE TABLE log (message TEXT)")
        database.executemany("INSERT INTO log VALUES (?)", [("first",), (OTHER,), ("last",)])
        database.commit()
        database.execute("DELETE FROM log WHERE message = ?", (OTHER,))
    database.close()
    assert SEARCH.in_database(file) == [Leak(str(file), "TWO")]


def test_in_an_account() -> None:
    class Account:
        """Every answer holds something else."""

        def __init__(self, **planted: Any) -> None:
            self._planted = planted

        def describe_instances(self) -> dict[str, Any]:
            return {"Reservations": [{"Instances": [{"InstanceId": "i-1"}]}]}

        def describe_instance_attribute(self, **_: str) -> dict[str, Any]:
            data = base64.b64encode(self._planted.get("data", "").encode()).decode()
            return {"UserData": {"Value": data}}

        def get_console_output(self, **_: str) -> dict[str, Any]:
            return {"Output": self._planted.get("console", "")}

        def __getattr__(self, call: str) -> Callable[..., dict[str, Any]]:
            return lambda **_: {"Tags": self._planted.get(call, "")}

    def found(**planted: Any) -> list[Leak]:
        return SEARCH.in_account(lambda _: Account(**planted))

    assert found() == []
    assert found(data=f"# {OTHER}") == [Leak("AWS: user data of i-1", "TWO")]
    assert found(console=VALUE) == [Leak("AWS: console of i-1", "ONE")]
    assert found(describe_tags=[{"Value": OTHER}]) == [Leak("AWS: tags", "TWO")]
    coded = base64.b64encode(f"# {OTHER}".encode()).decode()
    assert found(describe_launch_template_versions=coded) == [Leak("AWS: launch templates", "TWO")]


def look_again(watch: Watch, times: int) -> None:
    wanted, deadline = watch.looks + times, time.monotonic() + 60
    while watch.looks < wanted:
        assert time.monotonic() < deadline, "it looks no more"
        time.sleep(0.02)


def test_a_watch_sees_what_is_there_for_a_moment(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "input()", f"--token={OTHER}"]
    with Watch(SEARCH, [tmp_path]) as watch:
        # It ends with its input.
        with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL):
            (tmp_path / "variables.json").write_text(json.dumps({"a": VALUE}))
            # Whole looks: one may have been under way.
            look_again(watch, 4)
        (tmp_path / "variables.json").unlink()
    assert Leak(f"{tmp_path}/variables.json", "ONE") in watch.seen
    assert Leak(f"command line of {sys.executable}", "TWO") in watch.seen
    assert watch.looks > 3


def test_a_watch_that_sees_nothing(tmp_path: Path) -> None:
    (tmp_path / "variables.json").write_text("{}")
    with Watch(Search({"NONE": "there-is-no-such-value"[::-1] * 2}), [tmp_path]) as watch:
        time.sleep(0.3)
    assert watch.seen == set()
    assert watch.files == {"variables.json"}
