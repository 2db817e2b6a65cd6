"""Secrets of a build on a real builder: the build has them, and nothing else does."""

import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from spotkiln.bake.app import App
from spotkiln.bake.secrets import handed_over, in_memory
from spotkiln.bake.units import write_files
from spotkiln.bake.variables import app_variables
from tests.images.cloud import Cloud
from tests.unit.nouns import settled

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]

TOKEN = "npm_" + "s3cr3t'$`\"\\&/[x]*.^|"
INDEX = "https://build:Pa55%2Fword-of-ours@pypi.example.com/simple"
VALUES = {
    "NPM_TOKEN": TOKEN,
    "PIP_INDEX_URL": INDEX,
    "DEPLOY_KEY": "-----BEGIN KEY-----\nb64b64b64\n",
}
# It looks as another user of the builder would: at all command lines and all readable files there.
BUILD = r"""
[[ ${#DEPLOY_KEY} == 30 ]]
printf '%s' "$NPM_TOKEN" | sha256sum >token.sum
echo "the token is $NPM_TOKEN, from $PIP_INDEX_URL"
echo "and $DEPLOY_KEY" >&2
cat /proc/[0-9]*/cmdline 2>&1 | tr '\0' '\n' >cmdlines || true
ls -l /dev/shm >shm
(sleep 999) &
"""


def archive(folder: Path) -> Path:
    (folder / "README").write_text("nothing")
    with tarfile.open(folder / "app.tar.gz", "w:gz") as packed:
        packed.add(folder / "README", "README")
    return folder / "app.tar.gz"


def bake(cloud: Cloud, app: App, folder: Path) -> subprocess.CompletedProcess[str]:
    variables: dict[str, Any] = {
        **app_variables(app),
        "source_ami": cloud.base_image(),
        "app_archive": str(archive(folder)),
        "commit": "0" * 40,
        "units": str(write_files(app, folder / "units")),
        "image_name": f"{app.name} {folder.name}",
        "manifest": str(folder / "manifest.json"),
    }
    with in_memory(handed_over(VALUES)) as file:
        return cloud.packer("app", {**variables, "secrets_file": str(file)})


def leaked(text: str) -> list[str]:
    return [one for one in (TOKEN, "Pa55", "b64b64b64", "s3cr3t") if one in text]


def test_the_build_has_them_and_neither_log_nor_image_nor_a_command_line(
    cloud: Cloud, tmp_path: Path
) -> None:
    app = settled(name="secretive", build=BUILD, start="sleep 9999", migrate="", notify=False)
    done = bake(cloud, app, tmp_path)
    assert done.returncode == 0, done.stdout
    assert "the token is [secret], from [secret]" in done.stdout
    assert leaked(done.stdout) == []
    for file in [*tmp_path.iterdir(), *cloud.folder.iterdir()]:
        assert not file.is_file() or leaked(file.read_text(errors="replace")) == [], file
    (image,) = cloud.ec2.describe_images(
        Owners=["self"], Filters=[{"Name": "name", "Values": [f"secretive {tmp_path.name}"]}]
    )["Images"]
    machine = cloud.boot(image["ImageId"])
    folder = "/srv/secretive"
    digest = subprocess.run(
        ["sha256sum"], input=TOKEN, capture_output=True, text=True, check=True
    ).stdout
    assert machine.run(f"cat {folder}/token.sum") == digest
    assert "spotkiln" not in machine.run(f"cat {folder}/shm")
    # It has seen others' command lines at all.
    assert "sshd" in machine.run(f"cat {folder}/cmdlines")
    found = machine.run(
        "grep --recursive --files-with-matches --fixed-strings --devices=skip -e s3cr3t -e Pa55 "
        "-e b64b64b64 / --exclude-dir=proc --exclude-dir=sys --exclude-dir=dev || true"
    )
    assert found == ""


def test_a_build_that_writes_one_down_makes_no_image(cloud: Cloud, tmp_path: Path) -> None:
    build = 'mkdir conf && printf "//npm.example.com/:_authToken=%s\n" "$NPM_TOKEN" >conf/npmrc'
    app = settled(name="careless", build=build, start="sleep 9999", migrate="", notify=False)
    done = bake(cloud, app, tmp_path)
    assert done.returncode == 1
    assert "the build has left a secret of build.secrets in /srv/careless/conf/npmrc" in done.stdout
    assert "non-zero exit status: 10" in done.stdout
    assert leaked(done.stdout) == []
    assert not (tmp_path / "manifest.json").exists()
