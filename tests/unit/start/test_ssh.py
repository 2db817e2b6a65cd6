"""Aliases of ~/.ssh/config, asked of ssh itself."""

import shutil
from pathlib import Path

import pytest

from spotkiln.start.repository import host_of, identity, path_of, ssh_host
from spotkiln.start.ssh import real_name, trouble

needs_ssh = pytest.mark.skipif(shutil.which("ssh") is None, reason="ssh is not installed")
CONFIG = """
Host github-* github.com-*
  HostName github.com
  User git
  IdentityFile ~/.ssh/%h
Host hub443
  HostName ssh.github.com
  Port 443
"""


@needs_ssh
@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("github-shop", "github.com"),
        ("github.com-shop", "github.com"),
        ("hub443", "ssh.github.com"),
        ("git.example.com", "git.example.com"),
        # Nothing that ssh could take for an option, or for a command.
        ("-oProxyCommand=touch x", "-oProxyCommand=touch x"),
        ("a b", "a b"),
        ("", ""),
    ],
)
def test_the_name_that_ssh_would_connect_to(tmp_path: Path, host: str, name: str) -> None:
    config = tmp_path / "config"
    config.write_text(CONFIG)
    assert real_name(host, config) == name


@needs_ssh
def test_a_config_that_ssh_does_not_understand_is_none(tmp_path: Path) -> None:
    assert real_name("github-shop", tmp_path / "missing") == "github-shop"
    assert "missing" in trouble(tmp_path / "missing")
    (tmp_path / "config").write_text("Hosst github-shop\n")
    assert "hosst" in trouble(tmp_path / "config")
    assert real_name("github-shop", tmp_path / "config") == "github-shop"


def test_without_ssh_a_host_is_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert real_name("github-shop") == "github-shop"
    assert "ssh" in trouble()


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("git@github-shop:acme/shop.git", "github-shop"),
        ("ssh://git@github-shop:22/acme/shop.git", "github-shop"),
        ("https://github.com/acme/shop", ""),
        ("/srv/git/shop", ""),
        ("build/shop", ""),
    ],
)
def test_only_what_git_reaches_by_ssh_has_an_alias(address: str, host: str) -> None:
    assert ssh_host(address) == host
    names = {"github-shop": "ssh.github.com"}
    assert (identity(address, names) == "github.com/acme/shop") == bool(
        host or "github.com" in address
    )


def test_host_and_path_of_an_identity() -> None:
    assert (host_of("github.com/acme/shop"), path_of("github.com/acme/shop")) == (
        *("github.com", "acme/shop"),
    )
    assert (host_of("/srv/git/shop"), path_of("/srv/git/shop")) == ("localhost", "/srv/git/shop")
