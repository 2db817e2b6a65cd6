"""Dependencies by themselves, on real builders: how long a bake takes with and without, and that
the images are the same."""

import tarfile
import time
from pathlib import Path

import pytest

from spotkiln.bake.app import App
from spotkiln.bake.units import write_files
from spotkiln.bake.variables import app_variables, layer_settings
from tests.images.cloud import Cloud
from tests.unit.nouns import settled

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

# Stands for a download; then what package managers do: files, a link, a rewritten lock file, and
# something below HOME.
DEPENDENCIES = """
sleep 40
mkdir -p packages/a && cp packages.lock packages/a/names && ln -s a packages/b
echo "# checked" >>packages.lock
mkdir -p ~/.cache && echo x >~/.cache/index
"""
BUILD = "mkdir -p public && cat packages/b/names src/* >public/all"
# All that the application's user has written, and what is left of the layer.
LOOK = """
cd / && find srv/layered var/lib/layered -printf '%P %y %m %u %l\\n' | sort
find srv/layered var/lib/layered -type f -print0 | sort -z | xargs -0 sha256sum
ls /etc/spotkiln
"""


def pack(folder: Path, name: str, files: dict[str, str]) -> Path:
    path = folder / f"{name}.tar.gz"
    with tarfile.open(path, "w:gz") as packed:
        for file, text in files.items():
            (folder / "file").write_text(text)
            packed.add(folder / "file", file)
    return path


def bake_layer(cloud: Cloud, app: App, archive: Path, folder: Path) -> str:
    return cloud.bake(
        "app",
        "layered layer",
        {
            **layer_settings(app),
            "stage": "layer",
            "source_ami": cloud.base_image(),
            "app_archive": str(archive),
            "commit": "",
            "units": str(write_files(app, folder / "units")),
        },
    )


def timed_bake(
    cloud: Cloud, app: App, archive: Path, name: str, base: str = ""
) -> tuple[str, float]:
    begin = time.monotonic()
    return cloud.bake_app(app, archive, name, base=base), time.monotonic() - begin


def test_a_bake_from_a_layer_installs_nothing_and_makes_the_same(
    cloud: Cloud, tmp_path: Path
) -> None:
    app = settled(
        name="layered", dependencies=DEPENDENCIES, lock=("packages.lock",), build=BUILD,
        start="sleep 9999", migrate="", notify=False, writable=(),
    )  # fmt: skip
    assert app_variables(app)["dependencies_command"]
    lock = {"packages.lock": "a 1\n"}
    layer = bake_layer(cloud, app, pack(tmp_path, "lock", lock), tmp_path)
    commit = pack(tmp_path, "commit", {**lock, "src/a": "of this commit\n"})
    without, slow = timed_bake(cloud, app, commit, "layered without")
    within, quick = timed_bake(cloud, app, commit, "layered from-layer", layer)
    print(f"a bake with dependencies: {slow:.0f} s; from their layer: {quick:.0f} s")
    assert quick / slow < 0.75

    looks = [cloud.boot(image).run(LOOK) for image in (without, within)]
    assert looks[0] == looks[1]
    assert "srv/layered/public/all" in looks[0]
    assert "\nlayer\n" not in looks[0]
