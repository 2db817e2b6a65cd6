"""The check of an image against published data, from files and from a server on this machine."""

import threading
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from spotkiln.bake.contents import Contents, of_machine
from spotkiln.release.vulnerabilities import Vulnerabilities
from spotkiln.sbom.check import check, try_out
from tests.unit.bake.test_contents import gem
from tests.unit.sbom.test_debsecan import DATA, LISTING
from tests.unit.sbom.test_osv import export, record

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
PUBLISHED, ETAG = "Wed, 25 Nov 2026 06:00:00 GMT", '"v1"'
OLD = of_machine("ami-1", LISTING.format("3.0.14-1~deb12u1"), [gem("rack", "3.1.7")])


class Publisher:
    """Answers as Debian's tracker and OSV's storage do. `asked` are the paths, and whether the
    answer was that nothing has changed."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.asked: list[tuple[str, bool]] = []
        publisher = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                same = self.headers.get("if-none-match") == ETAG
                found = publisher.files.get(self.path)
                publisher.asked.append((self.path, same))
                self.send_response(404 if found is None else 304 if same else 200)
                body = b"" if found is None or same else found
                for name, value in (
                    ("etag", ETAG), ("last-modified", PUBLISHED), ("content-length", len(body)),
                ):  # fmt: skip
                    self.send_header(name, str(value))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def publisher(tmp_path: Path) -> Iterator[Publisher]:
    packed = export(tmp_path, record("rack", database_specific={"severity": "HIGH"})).read_bytes()
    found = Publisher(
        {"/debian/bookworm": zlib.compress(DATA.encode()), "/osv/RubyGems/all.zip": packed}
    )
    thread = threading.Thread(target=found.server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield found
    found.server.shutdown()
    found.server.server_close()


def asked(publisher: Publisher) -> Vulnerabilities:
    return Vulnerabilities(debian=f"{publisher.url}/debian/", osv=f"{publisher.url}/osv")


def test_both_are_asked_and_their_date_is_told(publisher: Publisher, tmp_path: Path) -> None:
    known = check("ami-1", OLD, asked(publisher), tmp_path / "cache", NOW)
    assert [one.id for one in known.findings] == [
        "CVE-2026-1000", "GHSA-1", "CVE-2026-1002", "CVE-2026-1001", "TEMP-0000000-ABC",
    ]  # fmt: skip
    assert [str(one) for one in known.data] == [
        "Debian's data (bookworm) of 2026-11-25 06:00:00 UTC",
        "OSV's data (RubyGems) of 2026-11-25 06:00:00 UTC",
    ]
    assert (known.image, known.checked, known.troubles) == ("ami-1", NOW, ())


def test_what_has_not_changed_is_not_fetched_again(publisher: Publisher, tmp_path: Path) -> None:
    first, second = (
        check("ami-1", OLD, asked(publisher), tmp_path / "cache", NOW) for _ in range(2)
    )
    assert first == second
    assert [same for _, same in publisher.asked] == [False, False, True, True]


def test_a_publisher_that_is_away_is_told_and_the_earlier_data_counts(
    publisher: Publisher, tmp_path: Path
) -> None:
    policy = asked(publisher)
    first = check("ami-1", OLD, policy, tmp_path / "cache", NOW)
    publisher.files.clear()
    later = check("ami-1", OLD, policy, tmp_path / "cache", NOW)
    assert later.findings == first.findings
    assert [str(one) for one in later.troubles] == [
        (
            "Debian's data (bookworm) of 2026-11-25 06:00:00 UTC: 127.0.0.1 could not be asked (it "
            "answered 404), so it is of then"
        ),
        (
            "OSV's data (RubyGems) of 2026-11-25 06:00:00 UTC: 127.0.0.1 could not be asked (it "
            "answered 404), so it is of then"
        ),
    ]


def test_one_that_never_answered_is_told_and_nothing_fails(tmp_path: Path) -> None:
    # Nobody listens at a port that was just given back.
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    port = server.server_port
    server.server_close()
    policy = Vulnerabilities(debian=f"http://127.0.0.1:{port}", osv=str(tmp_path / "none"))
    known = check("ami-1", OLD, policy, tmp_path / "cache", NOW)
    assert known.findings == ()
    first, second = map(str, known.troubles)
    assert first == "Debian's data (bookworm): 127.0.0.1 could not be asked (ConnectError)"
    assert second.endswith("/none/RubyGems/all.zip: No such file or directory")


def test_something_else_than_data_is_told(tmp_path: Path) -> None:
    (tmp_path / "bookworm").write_text("<html>")
    known = check("ami-1", OLD, Vulnerabilities(debian=str(tmp_path)), tmp_path / "cache", NOW)
    assert "expected debsecan's data" in str(known.troubles[0])


def test_an_image_that_nobody_knows(tmp_path: Path) -> None:
    policy = Vulnerabilities(debian=str(tmp_path))
    assert "no SBOM" in str(check("ami-1", None, policy, tmp_path, NOW).troubles[0])
    without = Contents(image="ami-1")
    assert "does not tell its suite" in str(check("ami-1", without, policy, tmp_path, NOW).data[0])


# -- what doctor tries --


def test_each_file_that_a_check_would_read_is_tried(publisher: Publisher) -> None:
    policy = asked(publisher)
    found = try_out(policy, OLD)
    assert [str(one) for one in found] == [
        "Debian's data (bookworm) of 2026-11-25 06:00:00 UTC",
        "OSV's data (RubyGems) of 2026-11-25 06:00:00 UTC",
    ]
    assert [path for path, _ in publisher.asked] == ["/debian/bookworm", "/osv/RubyGems/all.zip"]
    # What serves has no dependencies of that kind: nobody asks for it.
    assert [one.name for one in try_out(policy, Contents(image="ami-1"))] == [
        "Debian's data (bookworm)"
    ]
    # Nothing is known of what serves: that one suite and one export answer is enough.
    assert not [one for one in try_out(policy, None) if one.trouble]


def test_what_is_not_there_or_is_something_else_is_told(
    publisher: Publisher, tmp_path: Path
) -> None:
    publisher.files = {"/debian/bookworm": b"<html>", "/osv/RubyGems/all.zip": b"<html>"}
    assert [str(one).partition(" of ")[0] for one in try_out(asked(publisher), OLD)] == [
        "Debian's data (bookworm)", "OSV's data (RubyGems)",
    ]  # fmt: skip
    assert all(one.trouble.endswith("is something else") for one in try_out(asked(publisher), OLD))
    publisher.files = {}
    troubles = [one.trouble for one in try_out(asked(publisher), OLD)]
    assert troubles == ["127.0.0.1 could not be asked (it answered 404)"] * 2
    local = Vulnerabilities(debian=str(tmp_path), osv=str(tmp_path))
    (tmp_path / "RubyGems" / "all.zip").mkdir(parents=True)
    assert [one.trouble.rpartition(": ")[2] for one in try_out(local, OLD)] == [
        "No such file or directory", "Is a directory",
    ]  # fmt: skip
