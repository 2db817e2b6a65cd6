"""The search for the values of secrets, wherever a release could have left or shown one: the
image's files, AWS, Prefect's database, folders, and while it runs all command lines.

Each place has a function of its own that answers with what was found there. `Watch` looks again
and again at what is there for moments only.
"""

import base64
import gzip
import json
import os
import sqlite3
import subprocess
import tarfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

CHUNK_BYTES = 1 << 20
LOOK_SECONDS = 0.02
# As much as is read of a file that has just appeared, again and again.
SMALL_BYTES = 4 << 20


@dataclass(frozen=True, order=True)
class Leak:
    """`secret` is the name of the value that was found, never the value."""

    where: str
    secret: str


def _forms(value: str) -> Iterator[bytes]:
    """How a value may be written: as it is, in JSON (within JSON), in an address, in base64."""
    raw = value.encode()
    yield raw
    once = json.dumps(value)[1:-1]
    yield once.encode()
    yield json.dumps(once)[1:-1].encode()
    yield quote(value, safe="").encode()
    yield raw.hex().encode()
    for before in range(3):
        # With what comes before and after it cut off: three bytes make four characters.
        coded = base64.b64encode(b"\0" * before + raw)
        yield coded[(before * 4 + 2) // 3 : len(coded) - 4]


class Search:
    """For these values, by name."""

    def __init__(self, values: Mapping[str, str]) -> None:
        assert all(len(one) >= 12 for one in values.values()), "too short to be told from others"
        self._forms = {name: set(_forms(value)) for name, value in values.items()}
        self._longest = max(len(one) for forms in self._forms.values() for one in forms)

    def in_bytes(self, where: str, content: bytes) -> list[Leak]:
        return [
            Leak(where, name)
            for name, forms in self._forms.items()
            if any(form in content for form in forms)
        ]

    def in_text(self, where: str, text: str) -> list[Leak]:
        return self.in_bytes(where, text.encode(errors="surrogateescape"))

    def in_stream(self, where: str, read: Callable[[int], bytes]) -> list[Leak]:
        """Of any length; what lies across two chunks is found too."""
        found: set[Leak] = set()
        rest = b""
        while chunk := read(CHUNK_BYTES):
            found.update(self.in_bytes(where, rest + chunk))
            rest = (rest + chunk)[-self._longest :]
        return sorted(found)

    # -- on this machine --

    def in_file(self, path: Path) -> list[Leak]:
        """And in what is packed in it."""
        found: set[Leak] = set()
        with suppress(OSError), path.open("rb") as file:
            found.update(self.in_stream(str(path), file.read))
        if path.suffix in {".gz", ".tgz"}:
            with suppress(OSError, EOFError), gzip.open(path) as unpacked:
                found.update(self.in_stream(str(path), unpacked.read))
        return sorted(found)

    def in_folder(self, folder: Path) -> list[Leak]:
        found: list[Leak] = []
        for path in sorted(folder.rglob("*")):
            found += self.in_text(f"name of {path}", path.name)
            if path.is_file() and not path.is_symlink():
                found += self.in_file(path)
        return found

    def in_command_lines(self) -> list[Leak]:
        """Of all processes that run now; those of machines in Docker are among them."""
        found: list[Leak] = []
        for one in Path("/proc").iterdir():
            if one.name.isdigit():
                with suppress(OSError):
                    content = (one / "cmdline").read_bytes()
                    words = content.split(b"\0")[0].decode(errors="replace")
                    found += self.in_bytes(f"command line of {words}", content)
        return found

    # -- a machine's image --

    def in_docker_image(self, reference: str) -> list[Leak]:
        """Every file of an image's file system, and what docker itself keeps of it."""
        found: set[Leak] = set()
        shown = _docker("image", "inspect", reference) + _docker("history", "--no-trunc", reference)
        found.update(self.in_bytes(f"{reference}'s description", shown))
        container = _docker("create", reference, "true").decode().strip()
        try:
            with subprocess.Popen(["docker", "export", container], stdout=subprocess.PIPE) as out:
                assert out.stdout is not None
                with tarfile.open(fileobj=out.stdout, mode="r|") as files:
                    for member in files:
                        found.update(self._in_member(reference, files, member))
        finally:
            _docker("rm", "--force", container)
        return sorted(found)

    def _in_member(self, image: str, files: tarfile.TarFile, member: tarfile.TarInfo) -> list[Leak]:
        where = f"{image}:/{member.name}"
        found = self.in_text(f"name of {where}", member.name + member.linkname)
        content = files.extractfile(member) if member.isfile() else None
        return found + (self.in_stream(where, content.read) if content else [])

    # -- AWS --

    def in_account(self, client: Callable[[str], Any]) -> list[Leak]:
        """All that the EC2 and the load balancer of an account tell: tags, user data, launch
        templates, fleets' configurations, consoles. `client` makes one by a service's name."""
        ec2, balancers = client("ec2"), client("elbv2")
        found: list[Leak] = []
        calls: list[tuple[str, Callable[[], Any]]] = [
            ("instances", ec2.describe_instances),
            ("images", lambda: ec2.describe_images(Owners=["self"])),
            ("snapshots", lambda: ec2.describe_snapshots(OwnerIds=["self"])),
            ("volumes", ec2.describe_volumes),
            ("tags", ec2.describe_tags),
            ("security groups", ec2.describe_security_groups),
            ("key pairs", ec2.describe_key_pairs),
            ("fleets", ec2.describe_spot_fleet_requests),
            (
                "launch templates",
                lambda: ec2.describe_launch_template_versions(Versions=["$Latest", "$Default"]),
            ),
            ("target groups", balancers.describe_target_groups),
        ]
        for what, call in calls:
            found += self.in_text(f"AWS: {what}", json.dumps(call(), default=str))
        for instance in _instances(ec2):
            data = ec2.describe_instance_attribute(InstanceId=instance, Attribute="userData")
            text = base64.b64decode(data.get("UserData", {}).get("Value", "")).decode()
            found += self.in_text(f"AWS: user data of {instance}", text)
            with suppress(Exception):
                shown = ec2.get_console_output(InstanceId=instance).get("Output", "")
                found += self.in_text(f"AWS: console of {instance}", shown)
        return found

    # -- Prefect --

    def in_database(self, file: Path) -> list[Leak]:
        """Every row of every table: parameters, states, logs, artifacts, events, results; and the
        file's bytes, for what was deleted."""
        found: set[Leak] = set()
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
            database.text_factory = bytes
            tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            for (name,) in tables.fetchall():
                table = name.decode()
                for row in database.execute(f'SELECT * FROM "{table}"'):
                    content = b"\0".join(_as_bytes(one) for one in row)
                    found.update(self.in_bytes(f"Prefect: table {table}", content))
        for part in file.parent.glob(f"{file.name}*"):
            found.update(self.in_file(part))
        return sorted(found)


class Watch:
    """Looks, as long as it is open, at all command lines and at all that is in the folders: `seen`
    is what was found, `looks` how often it has looked."""

    def __init__(self, search: Search, folders: Iterable[Path]) -> None:
        self._search = search
        self._folders = list(folders)
        self._known: dict[Path, tuple[int, int]] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.seen: set[Leak] = set()
        self.files: set[str] = set()
        self.looks = 0

    def _look(self) -> None:
        while not self._over.is_set():
            self.seen.update(self._search.in_command_lines())
            for folder in self._folders:
                # Which passes over what has just gone.
                for place, _, names in os.walk(folder):
                    for name in names:
                        self._look_at(Path(place, name))
            self.looks += 1
            self._over.wait(LOOK_SECONDS)

    def _look_at(self, path: Path) -> None:
        with suppress(OSError):
            if not path.is_file() or path.is_symlink():
                return
            about = path.stat()
            if self._known.get(path) == (about.st_mtime_ns, about.st_size):
                return
            self._known[path] = (about.st_mtime_ns, about.st_size)
            self.files.add(path.name)
            if about.st_size <= SMALL_BYTES:
                self.seen.update(self._search.in_file(path))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join(30)


def _docker(*arguments: str) -> bytes:
    return subprocess.run(["docker", *arguments], capture_output=True, check=True).stdout


def _instances(ec2: Any) -> list[str]:
    found = ec2.describe_instances()["Reservations"]
    return [one["InstanceId"] for group in found for one in group["Instances"]]


def _as_bytes(value: object) -> bytes:
    if isinstance(value, bytes):
        return value
    return str(value).encode()
