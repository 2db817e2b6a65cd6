"""What is read of the host's apt, and what a base image is made from."""

from dataclasses import replace

from sandbox.machines.docker.apt import HostApt, Source, parse_settings, parse_sources
from sandbox.machines.docker.base_image import Recipe, build_context, recipe_digest


def test_sources_are_debians_own_of_this_suite() -> None:
    listing = (
        "http://mirror.test/debian/|bookworm|main|Debian\n"
        "http://mirror.test/debian/|bookworm|contrib|Debian\n"
        "http://mirror.test/debian/|bookworm|main|Debian\n"
        "http://mirror.test/debian-security/|bookworm-security|main|Debian\n"
        "http://mirror.test/debian/|trixie|main|Debian\n"
        "https://other.test/repository|bookworm|main|Somebody\n"
        "file:/srv/mirror|bookworm-updates|main|Debian\n"
        "cut off"
    )
    listing = listing.replace("|trixie|", "|trixie-backports|")
    assert parse_sources(listing, "bookworm") == (
        Source("http://mirror.test/debian/", "bookworm", ("main", "contrib")),
        Source("http://mirror.test/debian-security/", "bookworm-security", ("main",)),
    )


def test_another_debian_is_reached_where_the_hosts_own_is() -> None:
    listing = (
        "http://mirror.test/debian/|bookworm|main|Debian\n"
        "http://mirror.test/debian/|bookworm-updates|main|Debian\n"
        "http://mirror.test/debian/|bookworm-backports|main|Debian\n"
        "http://mirror.test/debian-security/|bookworm-security|main|Debian\n"
        "http://mirror.test/debian/|trixie|main|Debian\n"
    )
    assert parse_sources(listing, "trixie") == (
        Source("http://mirror.test/debian/", "trixie", ("main",)),
        Source("http://mirror.test/debian/", "trixie-updates", ("main",)),
        Source("http://mirror.test/debian-security/", "trixie-security", ("main",)),
    )


def test_sources_before_the_first_update() -> None:
    listing = (
        "http://mirror.test/debian/|bookworm|main|$(ORIGIN)\n"
        "http://other.test/tools/|bookworm|main|$(ORIGIN)\n"
    )
    found = parse_sources(listing, "bookworm")
    assert [source.uri for source in found] == ["http://mirror.test/debian/"]


def test_settings_are_those_that_reach_a_mirror() -> None:
    dump = (
        'APT::Architecture "amd64";\n'
        'Acquire::http "";\n'
        'Acquire::http::Proxy "http://proxy.test:3142";\n'
        'Acquire::https::SslKey "/root/key.pem";\n'
        'Acquire::Check-Date "false";\n'
        'Acquire::Languages:: "none";\n'
    )
    assert parse_settings(dump) == (
        'Acquire::http::Proxy "http://proxy.test:3142";\nAcquire::Check-Date "false";\n'
    )


def test_the_recipe_changes_with_a_file_its_mode_and_the_hosts_apt() -> None:
    apt = HostApt("bookworm", (Source("http://mirror.test/debian", "bookworm", ("main",)),), "", ())
    context = build_context(apt)
    script = "root/usr/lib/sandbox/cloud-init"
    content, mode = context[script]
    assert Recipe(apt, context).reference.startswith("spotkiln-sandbox/debian:bookworm-")
    digests = {
        recipe_digest(context),
        recipe_digest(build_context(replace(apt, settings="x"))),
        recipe_digest({**context, script: (content + b"#", mode)}),
        recipe_digest({**context, script: (content, 0o644)}),
    }
    assert len(digests) == 4
    assert mode == 0o755
    assert recipe_digest(build_context(apt)) in digests
