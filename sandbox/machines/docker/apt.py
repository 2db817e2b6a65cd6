"""How this host reaches its Debian mirrors, as files for the machine image.

It is read from apt itself. So a proxy, a local mirror or a private certificate authority works
in the machine as well, and no mirror's name stands here. Credentials (auth.conf) stay on the
host.
"""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

# Codenames of Debian, whose archives differ in nothing but the names of their suites.
CODENAMES = ("bookworm", "trixie")
_PARTS = ("", "-updates", "-security")
_AUTHORITIES = Path("/usr/local/share/ca-certificates")
_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# Settings that decide whether and how a mirror is reached.
_SETTING = re.compile(
    r"^Acquire::((https?|ftp)::[^\s]*|Retries|ForceIPv[46]|Check-Valid-Until|Check-Date) ",
    re.IGNORECASE,
)
# Settings that name files which exist only on the host, such as a client certificate.
_HOST_ONLY = re.compile(
    r"::(SslCert|SslKey|CaInfo|CaPath|Proxy-Auto-Detect|ProxyAutoDetect) ", re.IGNORECASE
)
# Before the first `apt-get update` apt does not know an archive's origin yet.
_UNKNOWN_ORIGIN = "$(ORIGIN)"
_DEBIAN_PATH = re.compile(r"/debian(-security)?/?$")


@dataclass(frozen=True)
class Source:
    """One line of sources.list: where, which suite, which components."""

    uri: str
    suite: str
    components: tuple[str, ...]

    def line(self) -> str:
        return f"deb [signed-by={_KEYRING}] {self.uri} {self.suite} {' '.join(self.components)}\n"


@dataclass(frozen=True)
class HostApt:
    codename: str  # of the machine; the host may run another one
    sources: tuple[Source, ...]  # empty where the host has none of Debian
    settings: str  # apt.conf
    authorities: tuple[tuple[str, bytes], ...]  # file name, PEM

    @property
    def mirror(self) -> str | None:
        """The archive that debootstrap should use; None for its own default."""
        return next((s.uri for s in self.sources if s.suite == self.codename), None)

    def files(self) -> dict[str, bytes]:
        """Content by path in the machine, without the leading slash."""
        files = {"etc/apt/apt.conf.d/50host": self.settings.encode()}
        if self.sources:
            lines = "".join(source.line() for source in self.sources)
            files["etc/apt/sources.list.d/host.list"] = lines.encode()
            files["etc/apt/sources.list"] = b"# See sources.list.d\n"
        for name, pem in self.authorities:
            files[f"usr/local/share/ca-certificates/{name}"] = pem
        return files


def _suite_of(release: str, codename: str) -> str:
    """The suite of `codename` that a release of any Debian known here stands for; empty for what
    is none, such as backports."""
    known = {f"{one}{part}": f"{codename}{part}" for one in CODENAMES for part in _PARTS}
    return known.get(release, "")


def parse_sources(listing: str, codename: str) -> tuple[Source, ...]:
    """Reads lines "URI|release|component|origin", as `apt-get indextargets` prints them. A host
    that runs another Debian reaches that of `codename` at the same addresses.

    Leaves out other vendors' archives, and schemes that only this host can read.
    """
    found: dict[tuple[str, str], list[str]] = {}
    for line in listing.splitlines():
        uri, release, component, origin = (line.split("|") + [""] * 4)[:4]
        unknown = origin == _UNKNOWN_ORIGIN and _DEBIAN_PATH.search(uri) is not None
        reachable = uri.startswith(("http://", "https://"))
        suite = _suite_of(release, codename)
        if (origin == "Debian" or unknown) and suite and reachable:
            components = found.setdefault((uri, suite), [])
            if component not in components:
                components.append(component)
    return tuple(Source(uri, suite, tuple(parts)) for (uri, suite), parts in found.items())


def parse_settings(dump: str) -> str:
    """The lines of `apt-config dump` that the machine needs too."""
    lines = [
        line
        for line in dump.splitlines()
        if _SETTING.match(line) and not _HOST_ONLY.search(line) and not line.endswith(' "";')
    ]
    return "".join(f"{line}\n" for line in lines)


def read_host_apt(codename: str) -> HostApt:
    """A host without apt has no sources and no settings."""
    form = "$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(ORIGIN)"
    listing = _output("apt-get", "indextargets", "--format", form, "Created-By: Packages")
    authorities = sorted(_AUTHORITIES.glob("**/*.crt")) if _AUTHORITIES.is_dir() else []
    return HostApt(
        codename=codename,
        sources=parse_sources(listing, codename),
        settings=parse_settings(_output("apt-config", "dump")),
        authorities=tuple((path.name, path.read_bytes()) for path in authorities),
    )


def _output(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
