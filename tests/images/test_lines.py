"""A line of base images that is not the default: of Debian 12, with another archive of packages and
a set-up script; and the Rails application of the examples on it."""

from pathlib import Path

import pytest

from examples.repositories import make_demo
from rehearsal.account import DEBIAN_12, tags_of
from rehearsal.base import bake_first
from sandbox.machines.docker.apt import read_host_apt
from spotkiln.bake.app import AppSpec
from spotkiln.bake.apt import AptSource
from spotkiln.bake.base import BaseSpec
from spotkiln.bake.git import check_out
from tests.images.cloud import Cloud

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

SETUP = """
install -m 0755 /dev/stdin /usr/local/bin/node <<'NODE'
#!/bin/sh
echo v99.1.2
NODE
ls /etc/apt/sources.list.d >/root/sources
"""


def test_rails_serves_on_a_line_of_debian_12(cloud: Cloud, tmp_path: Path) -> None:
    backports = AptSource(
        uri=read_host_apt("bookworm").mirror or "http://deb.debian.org/debian",
        suite="bookworm-backports",
        key="/usr/share/keyrings/debian-archive-keyring.gpg",
    )
    line = BaseSpec(
        name="rails-12",
        source_image=DEBIAN_12,
        sources={"backports": backports},
        setup=SETUP,
    )
    base = bake_first(cloud.sandbox, line)
    (image,) = cloud.ec2.describe_images(ImageIds=[base])["Images"]
    tags = tags_of(dict(image))
    assert tags["spotkiln:node"] == "99.1.2"
    assert tags["spotkiln:ruby"].startswith("3.1.")

    demo = check_out(
        AppSpec(name="demo-web-app", repository=str(make_demo(tmp_path / "demo")), ref="v1"),
        tmp_path / "source",
    )
    made = cloud.bake_app(demo.app, demo.archive, "rails on 12", demo.commit, base)
    machine = cloud.boot(made)
    assert machine.wait_for("/up", demo.app.port).status_code == 200
    assert "stylesheet" in machine.get("/", demo.app.port).text
    assert machine.run(". /etc/os-release; echo $VERSION_ID") == "12\n"
    assert machine.run("cat /root/sources") == "host.list\nspotkiln-backports.sources\n"
    assert "bookworm-backports" in machine.run("apt-get -qq update; apt-cache policy")
