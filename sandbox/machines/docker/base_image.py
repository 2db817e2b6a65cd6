"""The machine images, one for each Debian. Each is made once, kept in docker, and made again when
its recipe changes.

There are two steps. `bootstrap` is a minimal Debian from debootstrap. `debian` is a docker build
on it (base_image/Dockerfile): packages, ssh, the stand-in for cloud-init. A step runs again only
if its own recipe has changed.
"""

import fcntl
import hashlib
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import docker
from docker.errors import APIError, ImageNotFound

from sandbox.machines.docker.apt import HostApt, read_host_apt
from sandbox.machines.protocol import MachineError

KEEP_LABEL = "spotkiln-sandbox.keep"
BOOTSTRAP_REPOSITORY = "spotkiln-sandbox/bootstrap"
BASE_REPOSITORY = "spotkiln-sandbox/debian"

_FOLDER = Path(__file__).with_name("base_image")
_LOCK = Path(tempfile.gettempdir()) / "spotkiln-sandbox-base.lock"
_LOCK_SECONDS = 900
_BOOTSTRAP_SECONDS = 900

Say = Callable[[str], None]


@dataclass(frozen=True)
class Recipe:
    """What a machine image is made from. Its reference is known before it is made."""

    apt: HostApt
    context: dict[str, tuple[bytes, int]]

    @property
    def reference(self) -> str:
        return f"{BASE_REPOSITORY}:{self.apt.codename}-{recipe_digest(self.context)}"


def recipe_of(codename: str) -> Recipe:
    apt = read_host_apt(codename)
    return Recipe(apt, build_context(apt))


def ensure_base_image(client: docker.DockerClient, recipe: Recipe, say: Say) -> str:
    """The docker reference of the machine image; makes it if it is missing or out of date.

    Raises MachineError with the last lines of what failed.
    """
    if _exists(client, recipe.reference):
        return recipe.reference
    with _one_at_a_time(say):
        if not _exists(client, recipe.reference):
            bootstrap = _ensure_bootstrap(client, recipe.apt, say)
            _build(client, recipe.context, bootstrap, recipe.reference, say)
            _drop_others(client, recipe)
    return recipe.reference


def build_context(apt: HostApt) -> dict[str, tuple[bytes, int]]:
    """The docker build's files: content and mode by path."""
    context: dict[str, tuple[bytes, int]] = {}
    for path in sorted(_FOLDER.rglob("*")):
        if path.is_file():
            mode = 0o755 if os.access(path, os.X_OK) else 0o644
            context[str(path.relative_to(_FOLDER))] = (path.read_bytes(), mode)
    for name, content in apt.files().items():
        context[f"apt/{name}"] = (content, 0o644)
    return context


def recipe_digest(context: dict[str, tuple[bytes, int]]) -> str:
    """Twelve hexadecimal digits. They change with any file, name or mode."""
    digest = hashlib.sha256()
    for name, (content, mode) in sorted(context.items()):
        digest.update(f"{name}\0{mode:o}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:12]


def _exists(client: docker.DockerClient, reference: str) -> bool:
    try:
        client.images.get(reference)
    except ImageNotFound:
        return False
    return True


@contextmanager
def _one_at_a_time(say: Say) -> Iterator[None]:
    """If two sandboxes start together, only one of them makes the image."""
    deadline = time.monotonic() + _LOCK_SECONDS
    with _LOCK.open("w") as lock:
        waiting = False
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise MachineError(
                        f"Another process has been making the base image for {_LOCK_SECONDS} s "
                        f"(lock {_LOCK}). See what it does (`fuser -v {_LOCK}`), end it, try again."
                    ) from None
                if not waiting:
                    say("waiting for another sandbox that makes the base image")
                waiting = True
                time.sleep(0.5)
        yield


def _ensure_bootstrap(client: docker.DockerClient, apt: HostApt, say: Say) -> str:
    digest = hashlib.sha256((apt.mirror or "").encode()).hexdigest()[:12]
    reference = f"{BOOTSTRAP_REPOSITORY}:{apt.codename}-{digest}"
    if _exists(client, reference):
        return reference
    if shutil.which("debootstrap") is None or os.geteuid() != 0:
        raise MachineError(
            "The base machine image has to be made once, with debootstrap and as root. "
            "Run `apt-get install debootstrap` if it is missing, then start the sandbox as root."
        )
    # /tmp may be in memory, or mounted without devices.
    with tempfile.TemporaryDirectory(prefix="spotkiln-bootstrap-", dir="/var/tmp") as folder:
        root = Path(folder) / "root"
        _debootstrap(root, apt, say)
        say("importing the minimal Debian into docker")
        _import(client, root, reference)
    return reference


def _debootstrap(root: Path, apt: HostApt, say: Say) -> None:
    command = ["debootstrap", "--variant=minbase", "--include=ca-certificates", apt.codename]
    command += [str(root), *([apt.mirror] if apt.mirror else [])]
    lines: list[str] = []
    deadline, spoken = time.monotonic() + _BOOTSTRAP_SECONDS, 0.0
    say(f"making a minimal Debian ({apt.codename}), once; this takes a minute or two")
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line.strip())
            if time.monotonic() > deadline:
                process.kill()
            if time.monotonic() - spoken > 2:
                spoken = time.monotonic()
                say(f"debootstrap: {line.strip().removeprefix('I: ')}")
    if process.returncode != 0:
        tail = "\n".join(lines[-15:])
        raise MachineError(
            f"`{' '.join(command)}` ended with {process.returncode}. Its last lines:\n{tail}\n"
            "Check that apt reaches its mirror (`apt-get update`), then try again."
        )


def _import(client: docker.DockerClient, root: Path, reference: str) -> None:
    command = ["tar", "--create", "--one-file-system", "--numeric-owner", f"--directory={root}"]
    command += ["--exclude=./var/cache/apt/archives/*.deb", "--exclude=./var/lib/apt/lists/*", "."]
    repository, tag = reference.split(":")
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        client.api.import_image(
            src=process.stdout,
            repository=repository,
            tag=tag,
            changes=[f"LABEL {KEEP_LABEL}=1", "ENV PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
            stream_src=True,
        )
    if process.returncode != 0 or not _exists(client, reference):
        raise MachineError(
            f"Importing {root} into docker as {reference} failed (tar ended with "
            f"{process.returncode}). Check the disk's free space and docker's log."
        )


def _build(
    client: docker.DockerClient,
    context: dict[str, tuple[bytes, int]],
    bootstrap: str,
    reference: str,
    say: Say,
) -> None:
    say("building the machine image (packages, ssh, cloud-init's stand-in)")
    lines: list[str] = []
    failure, spoken = "", 0.0
    try:
        for event in client.api.build(
            fileobj=_tar(context),
            custom_context=True,
            tag=reference,
            buildargs={"BOOTSTRAP": bootstrap},
            labels={KEEP_LABEL: "1"},
            rm=True,
            forcerm=True,
            decode=True,
            timeout=900,
        ):
            failure = event.get("error", failure)
            lines += [line for line in event.get("stream", "").splitlines() if line.strip()]
            if lines and time.monotonic() - spoken > 2:
                spoken = time.monotonic()
                say(f"machine image: {lines[-1].strip()[:100]}")
    except APIError as error:
        failure = str(error)
    if failure:
        tail = "\n".join(lines[-15:])
        raise MachineError(
            f"Building the machine image failed: {failure}. Its last lines:\n{tail}\n"
            "If apt could not reach its mirror from a container, look at docker's network and DNS."
        )


def _tar(context: dict[str, tuple[bytes, int]]) -> io.BytesIO:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, (content, mode) in sorted(context.items()):
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), mode
            archive.addfile(info, io.BytesIO(content))
    buffer.seek(0)
    return buffer


def _drop_others(client: docker.DockerClient, recipe: Recipe) -> None:
    """Remove the images of older recipes of this Debian, unless they are in use."""
    for image in client.images.list(name=BASE_REPOSITORY):
        for tag in image.tags:
            older = tag.startswith(f"{BASE_REPOSITORY}:{recipe.apt.codename}-")
            if older and tag != recipe.reference:
                try:
                    client.images.remove(tag)
                except APIError:
                    continue  # it is in use; the next rebuild tries again
