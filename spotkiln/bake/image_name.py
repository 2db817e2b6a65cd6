"""The names of images, chosen before they are made: by them even what was never tagged is found."""

import re

# What `base_name` makes.
BASE_NAME = re.compile(r"[a-z][a-z0-9-]* \d{4}-\d\d-\d\d \d\d-\d\d (base-[0-9a-f]{12})")
# What `layer_name` makes.
LAYER_NAME = re.compile(r"[a-z][a-z0-9-]*/layer/(layer-[0-9a-f]{12})")
# As EC2 names those of images; a release may have an image for each.
ARCHITECTURES = ("x86_64", "arm64")
# What `image_name` makes.
CHOSEN = re.compile(
    rf"([a-z][a-z0-9-]*)/[0-9a-f]{{12}}/(\1-[0-9a-f]{{12}})(/({'|'.join(ARCHITECTURES)}))?"
)


def image_name(app: str, commit: str, release: str, second: str = "") -> str:
    """Chosen before the bake, so that even an image that was never tagged can be found again.
    `second`: the architecture of a release's second image.

    At most 128 of the characters that EC2 allows.
    """
    name = f"{app}/{commit[:12]}/{release}"[:128]
    return f"{name}/{second}" if second else name


def twin_names(name: str) -> list[str]:
    """Which a twin of the image with this name may have."""
    return [f"{name}/{one}" for one in ARCHITECTURES]


def base_name(name: str, when: str, owner: str) -> str:
    """As `image_name`, for a base image: `when` is how the time is written in it."""
    return f"{name} {when} {owner}"


def layer_name(app: str, owner: str) -> str:
    """As `image_name`, for a layer: there are never two of the same dependencies."""
    return f"{app}/layer/{owner}"


def release_of(name: str) -> str:
    """The release in a name that `image_name` made, or the owner in one that `base_name` or
    `layer_name` made; empty for other names."""
    if chosen := BASE_NAME.fullmatch(name) or LAYER_NAME.fullmatch(name):
        return chosen[1]
    match = CHOSEN.fullmatch(name)
    return match[2] if match else ""
