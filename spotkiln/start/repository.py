"""Addresses of repositories: all addresses of one repository have the same identity."""

import os
import re
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

# The host of a path on this machine.
HERE = "localhost"
# Names by which large hosts take SSH on port 443, for networks whose firewall allows no other port.
SSH_OVER_443 = {
    "ssh.github.com": "github.com",
    "altssh.gitlab.com": "gitlab.com",
    "altssh.bitbucket.org": "bitbucket.org",
}
SCP = re.compile(r"(?:[^@/:]+@)?([^/:]+):(?!//)(.+)")


# Ours, and not the library giturlparse (0.16): that one knows neither a path on this machine nor an
# alias of ~/.ssh/config without a user, and it loses the middle groups of a GitLab path.
def _split(address: str) -> tuple[str, str, str] | None:
    """Scheme, host and path; None for a path on this machine."""
    scp = SCP.fullmatch(address)
    if address.startswith("file://") or ("://" not in address and not scp):
        return None
    if scp:
        return "ssh", scp[1], scp[2]
    try:
        parts = urlsplit(address)
        return parts.scheme, parts.hostname or "", unquote(parts.path)
    except ValueError:
        return "", "", address


def identity(repository: str, names: Mapping[str, str] | None = None) -> str:
    """The same for all addresses of a repository: `example.com/team/shop`, or an absolute path.

    User, port and scheme are left out. Addresses are in lower case, for hosts of repositories do
    not tell `Shop` from `shop` either; a path on this machine keeps its case. `names`: the real
    names of the hosts that ~/.ssh/config gives another one.
    """
    address = repository.strip()
    parts = _split(address)
    if parts is None:
        path = os.path.abspath(address.removeprefix("file://"))  # noqa: PTH100 - no look at the disk
        return path.removesuffix("/.git").removesuffix(".git")
    scheme, host, path = parts
    if not host:
        return address  # No other address is the same.
    if scheme.endswith("ssh"):
        host = (names or {}).get(host, host)
    host = host.lower().rstrip(".")
    host = SSH_OVER_443.get(host, host)
    return f"{host}/{path.strip('/').removesuffix('.git')}".lower()


def ssh_host(repository: str) -> str:
    """The host as the address has it, if git uses ssh for it; else empty."""
    parts = _split(repository.strip())
    return parts[1] if parts and parts[0].endswith("ssh") else ""


def host_of(name: str) -> str:
    """The host of an identity."""
    return HERE if name.startswith("/") else name.partition("/")[0]


def path_of(name: str) -> str:
    """The path of an identity on its host."""
    return name if name.startswith("/") else name.partition("/")[2]
