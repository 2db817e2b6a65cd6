"""The images that vendors publish in AWS, as far as the sandbox has them: owners and names."""

from dataclasses import dataclass

UBUNTU_OWNER = "099720109477"
UBUNTU_NAME = "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-{kind}-server-{date}"
# What AWS calls an architecture, and what the vendors call it in their images' names. The first is
# the one that is asked for unless somebody says otherwise.
ARCHITECTURES = {"x86_64": "amd64", "arm64": "arm64"}


@dataclass(frozen=True)
class Debian:
    """One Debian: `codename` is what its archive calls it, `number` what people call it."""

    number: int
    codename: str
    owner: str = "136693071363"

    def image_name(self, date: str, architecture: str) -> str:
        """As Debian names its images at AWS; `date` is like 20260131."""
        return f"debian-{self.number}-{ARCHITECTURES[architecture]}-{date}"


# The first is what a base image is made from unless somebody says otherwise.
DEBIANS = (Debian(13, "trixie"), Debian(12, "bookworm"))
