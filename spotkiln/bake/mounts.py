"""Mounts: folders of an application that are kept on file systems of their own (EFS), and so are
not lost with a server. The application names the folders, a deployment the file system for each."""

import re
from collections.abc import Iterable, Mapping, Sequence, Set

from spotkiln.bake.app import App
from spotkiln.bake.image import Image
from spotkiln.bake.paths import FOLDER
from spotkiln.errors import InputError
from spotkiln.noun import Noun

# A file system's name or id; behind a colon a folder in it.
FILE_SYSTEM = r"^[^\s:][^\n:]{0,254}(:/[A-Za-z0-9._@+/-]*)?$(?!\n)"
NFS_PORT = 2049


class Mount(Noun):
    """`source` is as `mount` takes it: a host and a folder there."""

    folder: str
    name: str
    source: str


class FileSystem(Noun):
    """One of the account. `zones` are those that have a mount target, which is where its name
    resolves; `groups` are the security groups of each."""

    id: str
    name: str
    state: str = "available"
    zones: Mapping[str, tuple[str, ...]] = {}


def why_no_mount(folder: str, file_system: str) -> str:
    """Why a deployment cannot ask for this; empty if it can."""
    if not re.fullmatch(FOLDER, folder):
        return f"expected a folder of the application, such as uploads, got {folder!r}"
    path = file_system.partition(":")[2]
    if not re.search(FILE_SYSTEM, file_system) or ".." in path.split("/"):
        return (
            f"expected a file system's name or id for {folder}, such as shop-files or "
            f"shop-files:/uploads, got {file_system!r}"
        )
    return ""


def apart(file_system: str) -> tuple[str, str]:
    """The name or id, and the folder in it."""
    name, _, path = file_system.partition(":")
    return name, path or "/"


def source_of(file_system: FileSystem, region: str, suffix: str, path: str) -> str:
    """By EFS's own name for it: `suffix` is the partition's, such as amazonaws.com."""
    return f"{file_system.id}.efs.{region}.{suffix}:{path}"


def user_data_of(mounts: Iterable[Mount]) -> str:
    """The lines that tell a server (systemd/role.sh); none where nothing is mounted."""
    return "".join(f"# spotkiln-mount: {one.folder} {one.source}\n" for one in mounts)


def _require_each(kept: Iterable[str], given: Set[str]) -> None:
    if missing := sorted({*kept} - given):
        raise InputError(
            f"spotkiln.yaml's `mounts` says that {', '.join(missing)} must not be lost with a "
            "server, and the deployment names no file system for it: add "
            f"`infra.mounts: {{{missing[0]}: NAME}}` with the name of an EFS file system"
        )


def require_mounts_of(image: Image, mounts: Sequence[Mount]) -> None:
    """What servers of an image that is there already would not start without, as far as it tells.
    A file system for another folder hinders nothing: they do not mount it.

    Raises:
        InputError: a folder has none.
    """
    _require_each(image.mounts, {one.folder for one in mounts})


def require_mounts(app: App, mounts: Sequence[Mount]) -> None:
    """Each folder that must not be lost has a file system, and none is for another folder.

    Raises:
        InputError: else.
    """
    given = {one.folder for one in mounts}
    _require_each(app.mounts, given)
    if unknown := sorted(given - {*app.mounts}):
        raise InputError(
            f"the deployment's `infra.mounts` names {', '.join(unknown)}, and the application "
            f"keeps {', '.join(app.mounts) or 'nothing'}: add it to `mounts` in spotkiln.yaml, or "
            "remove it from the deployment"
        )
