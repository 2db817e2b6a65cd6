"""Folders that are not lost with a server: what a deployment may ask for, and what must fit."""

import base64
import re

import pytest
from pydantic import ValidationError

from spotkiln.bake.infra_names import InfraNames
from spotkiln.bake.mounts import (
    FileSystem,
    Mount,
    apart,
    require_mounts,
    require_mounts_of,
    source_of,
)
from spotkiln.bake.units import units
from spotkiln.errors import InputError
from spotkiln.serve.order import settings_digest
from spotkiln.serve.role import server_user_data
from spotkiln.serve.spec import FleetSpec
from tests.unit import nouns

UPLOADS = Mount(folder="uploads", name="shop-files", source="fs-1.efs.eu-west-1.amazonaws.com:/")


@pytest.mark.parametrize(
    ("asked", "apart_"),
    [
        ("shop-files", ("shop-files", "/")),
        ("Shop's files", ("Shop's files", "/")),
        ("fs-0123:/a/b", ("fs-0123", "/a/b")),
    ],
)
def test_what_a_deployment_may_name(asked: str, apart_: tuple[str, str]) -> None:
    assert InfraNames(mounts={"uploads": asked}).mounts == {"uploads": asked}
    assert apart(asked) == apart_


@pytest.mark.parametrize(
    ("folder", "file_system", "said"),
    [
        ("/uploads", "x", "expected a folder of the application, such as uploads, got '/uploads'"),
        ("..", "x", "expected a folder of the application"),
        ("uploads", "", "expected a file system's name or id for uploads"),
        ("uploads", "x:uploads", "got 'x:uploads'"),
        ("uploads", "x:/a b", "such as shop-files or shop-files:/uploads"),
        ("uploads", "x:/a/../..", "got 'x:/a/../..'"),
        ("uploads", "x\n# spotkiln-role: server", "expected a file system's name"),
    ],
)
def test_what_it_may_not(folder: str, file_system: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        InfraNames(mounts={folder: file_system})


def test_its_address_is_efs_own_name_for_it() -> None:
    one = FileSystem(id="fs-1", name="shop-files")
    assert source_of(one, "eu-west-1", "amazonaws.com", "/") == UPLOADS.source


def test_each_kept_folder_needs_a_file_system_and_no_other_has_one() -> None:
    app = nouns.settled(mounts=("uploads",))
    require_mounts(app, [UPLOADS])
    require_mounts(nouns.settled(), [])
    with pytest.raises(InputError, match=r"uploads must not be lost .* `infra.mounts: {uploads: N"):
        require_mounts(app, [])
    more = UPLOADS.model_copy(update={"folder": "media"})
    with pytest.raises(InputError, match=r"names media, and the application keeps uploads: add"):
        require_mounts(app, [UPLOADS, more])
    with pytest.raises(InputError, match="the application keeps nothing"):
        require_mounts(nouns.settled(), [UPLOADS])


def test_what_a_rollback_or_a_command_launches_has_its_file_systems_too() -> None:
    image = nouns.image(mounts="uploads")
    require_mounts_of(image, [UPLOADS])
    with pytest.raises(InputError, match=r"uploads must not be lost .* `infra.mounts: {uploads: N"):
        require_mounts_of(image, [])


@pytest.mark.parametrize("told", ["", "uploads"])
def test_an_older_image_may_keep_less_than_the_deployment_says_by_now(told: str) -> None:
    """Its servers mount what they know; what an image of earlier does not tell is not known."""
    more = UPLOADS.model_copy(update={"folder": "media"})
    require_mounts_of(nouns.image(mounts=told), [UPLOADS, more])
    require_mounts_of(nouns.image(), [])


def test_a_server_is_told_where_from() -> None:
    told = base64.b64decode(server_user_data(mounts=[UPLOADS])).decode()
    assert (
        told
        == f"#cloud-config\n# spotkiln-role: server\n# spotkiln-mount: uploads {UPLOADS.source}\n"
    )


def test_other_file_systems_are_other_servers() -> None:
    spec, infra = FleetSpec(), nouns.infra()
    kept = nouns.infra(mounts=(UPLOADS,))
    other = nouns.infra(mounts=(UPLOADS.model_copy(update={"source": "fs-2:/"}),))
    assert len({settings_digest(spec, one) for one in (infra, kept, other)}) == 3


def test_its_units_start_once_it_is_mounted_and_end_before_it_is_not() -> None:
    kept = units(nouns.settled(writable=("tmp",), mounts=("storage/kept", "uploads")))
    name = "demo-web-app"
    for service in (name, f"{name}-migrate"):
        drop_in = kept[f"{service}.service.d/mounts.conf"]
        state = f"/var/lib/{name}/writable"
        assert f"\nRequiresMountsFor={state}/storage/kept {state}/uploads\n" in drop_in
        assert f"\nRequires={name}-mounts.service\nAfter={name}-mounts.service\n" in drop_in
        binds = re.findall(r"^BindPaths=.*:/srv/demo-web-app/(.*)$",
                           kept[f"{service}.service.d/writable.conf"], re.MULTILINE)  # fmt: skip
        assert {"storage/kept", "tmp", "uploads"} <= {*binds}
    own = kept[f"{name}-mounts.service"]
    assert f"/mounts {name} webapp /var/lib/{name}/writable storage/kept uploads\n" in own
    assert not [one for one in units(nouns.settled()) if "mounts" in one]
