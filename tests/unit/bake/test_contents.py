"""What is in an image: from a machine's list, a base's list, and a commit's lock files."""

import io
import tarfile
from pathlib import Path

from spotkiln.bake.contents import (
    OF_FILE,
    Contents,
    Kind,
    Package,
    debian_changes,
    dependencies_of,
    of_base,
    of_machine,
)
from spotkiln.bake.locked import READERS

LISTING = (
    "os\tdebian\t12\tbookworm\n"
    "deb\tlibssl3\t3.0.11-1~deb12u2\tamd64\topenssl\t3.0.11-1~deb12u2\n"
    "deb\tlibc6\t2.36-9\tamd64\tglibc\t2.36-9\n"
    "deb\tlibc6\t2.36-9\ti386\tglibc\t2.36-9\n"
    "something else\n"
)
SSL = Package(
    kind=Kind.DEB, name="libssl3", version="3.0.11-1~deb12u2", architecture="amd64",
    source="openssl", source_version="3.0.11-1~deb12u2",
)  # fmt: skip


def gem(name: str, version: str, file: str = "Gemfile.lock") -> Package:
    return Package(kind=Kind.GEM, name=name, version=version, file=file)


def archive(folder: Path, **files: str) -> Path:
    path = folder / "app.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return path


def test_a_machine_tells_its_system_and_its_packages() -> None:
    found = of_machine("ami-1", LISTING, [gem("rack", "3.1.8")])
    assert (found.os, found.os_version, found.codename) == ("debian", "12", "bookworm")
    assert [str(one) for one in found.packages] == [
        "libc6 2.36-9", "libc6 2.36-9", "libssl3 3.0.11-1~deb12u2", "rack 3.1.8",
    ]  # fmt: skip
    assert SSL in found.packages
    assert found.counted == "3 Debian packages and 1 locked dependencies"


def test_a_machine_that_tells_nothing_has_its_dependencies() -> None:
    assert of_machine("ami-1", "", [gem("rack", "3")]) == Contents(
        image="ami-1", packages=(gem("rack", "3"),)
    )


def test_of_a_base_the_packages_count_and_not_the_rest() -> None:
    found = of_base(
        "ami-2", "gem rake-13.gemspec\nhas ruby=3.1\nopenssl=3.0.11-1 amd64\nruby=1:3.1\n"
    )
    assert [(one.name, one.version, one.architecture) for one in found.packages] == [
        ("openssl", "3.0.11-1", "amd64"),
        ("ruby", "1:3.1", ""),
    ]


def test_every_lock_file_that_can_be_read_has_a_kind() -> None:
    assert OF_FILE.keys() == READERS.keys()


def test_lock_files_of_the_folder_count_and_those_that_are_named(tmp_path: Path) -> None:
    lock = "GEM\n  specs:\n    {} (1.0)\n".format
    packed = archive(
        tmp_path,
        **{
            "apps/web/Gemfile.lock": lock("rack"),
            "apps/web/spec/fixtures/Gemfile.lock": lock("fixture"),
            "apps/web/engine/Gemfile.lock": lock("engine"),
            "Gemfile.lock": lock("other"),
            "pnpm-lock.yaml": "packages:\n  '@vue/core@3.4.1': {}\n  left-pad@1.0.0(x@1): {}\n",
            "apps/web/app.rb": "",
        },
    )
    found = dependencies_of(packed, "apps/web", ["engine", "/pnpm-lock.yaml"])
    assert sorted((str(one), one.kind.value, one.file) for one in found) == [
        ("@vue/core 3.4.1", "npm", "pnpm-lock.yaml"),
        ("engine 1.0", "gem", "apps/web/engine/Gemfile.lock"),
        ("left-pad 1.0.0", "npm", "pnpm-lock.yaml"),
        ("rack 1.0", "gem", "apps/web/Gemfile.lock"),
    ]


def test_at_the_top_it_is_the_files_at_the_top(tmp_path: Path) -> None:
    packed = archive(
        tmp_path, **{"requirements.txt": "flask==3.0\n", "vendor/requirements.txt": "old==1\n"}
    )
    assert [str(one) for one in dependencies_of(packed, "", ())] == ["flask 3.0"]


def test_what_is_locked_twice_is_there_twice(tmp_path: Path) -> None:
    text = (
        '{"packages": {"node_modules/a": {"version": "1"},'
        ' "node_modules/b/node_modules/a": {"version": "2"}}}'
    )
    packed = archive(tmp_path, **{"package-lock.json": text})
    assert [str(one) for one in dependencies_of(packed, "", ())] == ["a 1", "a 2"]


def test_debians_packages_are_compared_by_name_alone() -> None:
    before = of_machine("ami-1", LISTING, [gem("rack", "3.1.8")])
    now = of_base("ami-2", "libssl3=3.0.13-1 amd64\nlibc6=2.36-9 amd64\ncurl=8 amd64\n")
    assert [str(one) for one in debian_changes(before, now)] == [
        "curl 8 is new",
        "libssl3 3.0.11-1~deb12u2 → 3.0.13-1",
    ]
