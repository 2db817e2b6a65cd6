"""The images that vendors publish in AWS, as far as the sandbox has them: owners and names."""

from dataclasses import dataclass

UBUNTU_OWNER = "099720109477"
UBUNTU_NAME = "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-{date}"


@dataclass(frozen=True)
class Debian:
    """One Debian: `codename` is what its archive calls it, `number` what people call it."""

    number: int
    codename: str
    owner: str = "136693071363"

    def image_name(self, date: str) -> str:
        """As Debian names its images at AWS; `date` is like 20260131."""
        return f"debian-{self.number}-amd64-{date}"


# The first is what a base image is made from unless somebody says otherwise.
DEBIANS = (Debian(13, "trixie"), Debian(12, "bookworm"))
