"""Base image: what applications are baked on. A candidate until it is found to differ from the
current one; then it is the current one, for the newest is."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime

from pydantic import Field, field_validator

from spotkiln import tags as t
from spotkiln.bake.apt import NAME, PACKAGE, AptSource
from spotkiln.bake.image import LOGIN, Image, ImageState, newest
from spotkiln.bake.image_name import base_name
from spotkiln.bake.interpreter import Interpreter, to_tags
from spotkiln.bake.recipe import ROOT, Recipe, digest_of, digest_of_files
from spotkiln.bake.services import to_tags as services_to_tags
from spotkiln.errors import InfrastructureError
from spotkiln.noun import ShownNoun
from spotkiln.patterns import REGION, empty_or

DEBIAN = "136693071363"
UBUNTU = "099720109477"
# Whom the images of an owner let in, where it is not Debian's user.
LOGINS = {UBUNTU: "ubuntu"}
# Packer hands the script on in one argument of a command, of which Linux takes 128 KiB.
SETUP_BYTES = 64 * 1024


class BaseSpec(ShownNoun):
    """The base image, and what it is made from."""

    name: str = Field(
        default="rails-base",
        title="Name",
        description="Its images' names begin with it; the applications' `infra.base_image` must "
        "match them.",
        pattern=r"^[a-z][a-z0-9-]{1,40}$",
    )
    region: str = Field(
        default="",
        title="Region",
        description="Empty: as for a release.",
        pattern=empty_or(REGION),
    )
    source_image: str = Field(
        default="debian-13-amd64-*",
        title="Source image",
        description="Name pattern of the image that it is made from; the newest is taken.",
        min_length=1,
    )
    source_owner: str = Field(
        default=DEBIAN,
        title="Owner of the source image",
        description="An AWS account's number, or `self`. Anybody can publish an image of any "
        f"name: only this account's are looked at. The default is Debian's, Ubuntu's is {UBUNTU}.",
        pattern=r"^(\d{12}|self)$",
    )
    packages: list[str] = Field(
        default=[],
        title="Packages",
        description="What is installed beside all updates, by the names of Debian or Ubuntu; "
        "`name/suite` and `name=version` choose among archives, of `a|b` the first that there is "
        "counts. Empty: the template's, for Rails.",
    )
    sources: dict[str, AptSource] = Field(
        default={},
        title="Archives of packages",
        description="Other archives that packages come from, by names for their files.",
    )
    setup: str = Field(
        default="",
        title="Set-up script",
        description="Lines of bash, run as root after the packages are installed, for what no "
        "package brings. Everybody may read it: no secrets.",
    )

    tags: t.OwnTags = Field(
        default={},
        title="Tags of your own",
        description="On all that is made for it, such as Team: platform.",
    )

    @field_validator("packages")
    @classmethod
    def _are_packages(cls, packages: list[str]) -> list[str]:
        if wrong := next((one for one in packages if not re.fullmatch(PACKAGE, one)), None):
            raise ValueError(f"expected a package's name in each line, got {wrong!r}")
        return packages

    @field_validator("sources")
    @classmethod
    def _have_names(cls, sources: dict[str, AptSource]) -> dict[str, AptSource]:
        if wrong := next((one for one in sources if not re.fullmatch(NAME, one)), None):
            raise ValueError(
                f"expected a name of small letters, digits and dashes for an archive, got {wrong!r}"
            )
        return sources

    @field_validator("setup")
    @classmethod
    def _fits(cls, setup: str) -> str:
        if len(setup.encode()) > SETUP_BYTES:
            raise ValueError(
                f"expected a script of at most {SETUP_BYTES // 1024} KiB: let it fetch what is more"
            )
        return setup


def login_of(spec: BaseSpec, source: Image, asked: str = "") -> str:
    """Whom the machines of it let in by SSH: the one that is asked for, whom the source image's own
    tag names, or whom the images of its owner let in."""
    return asked or source.tags.get(t.LOGIN, "") or LOGINS.get(spec.source_owner, LOGIN)


def base_id(run: str) -> str:
    """Who owns what a nightly run bakes: told from its flow run, chosen before anything is sent."""
    return f"base-{run.replace('-', '')[:12]}"


def base_tags(name: str, owner: str, run: str, own: Mapping[str, str] | None = None) -> t.Tags:
    """What everything of a base's bake carries from the moment it exists; `own` are the
    company's."""
    return {**(own or {}), "Name": name, t.BASE: name, t.RELEASE: owner, t.RUN: run}


def new_base_name(spec: BaseSpec, owner: str, now: datetime) -> str:
    """Tells whose it is even if it was never tagged, and sorts by age in a list."""
    return base_name(spec.name, f"{now:%Y-%m-%d %H-%M}", owner)


def base_variables(spec: BaseSpec) -> dict[str, object]:
    """Those of packer/base.pkr.hcl that decide what is inside."""
    sources = {name: source.deb822() for name, source in spec.sources.items()}
    given: dict[str, object] = {
        "packages": spec.packages,
        "sources": sources,
        "setup": spec.setup,
    }
    return {name: value for name, value in given.items() if value}


def fingerprint_of(packages: str, spec: BaseSpec) -> Recipe:
    """What decides a base image, from the list that packer/scripts/base.sh writes: every package
    with its version, and the files and settings that it was made with.

    Neither the source image nor the date: of the same packages comes the same base.

    Raises:
        InfrastructureError: the list holds nothing.
    """
    lines = sorted({line.strip() for line in packages.splitlines() if line.strip()})
    if not lines:
        raise InfrastructureError("the base image's list of packages came home empty")
    return Recipe(
        inputs={
            "packages": digest_of("\n".join(lines)),
            "template": digest_of_files(ROOT, ["packer/base.pkr.hcl"]),
            "scripts": digest_of_files(ROOT, ["packer/scripts/base.sh", "packer/scripts/clean.sh"]),
            "variables": digest_of(base_variables(spec)),
        }
    )


def usable(images: Iterable[Image]) -> list[Image]:
    """Those that may be built upon: available, made by hand or a promoted base of ours. No copy
    of a base that inherited its tags: it would be the newest, with old contents. And no image of an
    application, which may be called as a line is."""
    return [
        image
        for image in images
        if image.available
        and not _of_an_application(image)
        and not image.is_layer
        and (not image.is_base or (image.ours and image.state is ImageState.BASE))
    ]


def _of_an_application(image: Image) -> bool:
    """From its tags, or from its name if a kill left it untagged."""
    return bool(image.app) or (image.ours and not image.is_base)


def why_replaced(fingerprint: Recipe, current: Image | None, login: str = "") -> str:
    """Why the current base has to be replaced, in words; empty if it has this very fingerprint, and
    its tag names this login user, if one is given."""
    if current is None:
        return "there was no base image"
    if current.tags.get(t.FINGERPRINT) == fingerprint.digest:
        return "login user" if login and current.login != login else ""
    if t.FINGERPRINT not in current.tags:
        return f"{current.id} has no fingerprint"
    return ", ".join(fingerprint.differences(current.inputs)) or "fingerprint"


def promotion(
    fingerprint: Recipe,
    has: Mapping[Interpreter, str] | None = None,
    login: str = LOGIN,
    services: Iterable[str] = (),
) -> t.Tags:
    """What makes a candidate the current base: one call writes it all. `has` are its
    interpreters."""
    return {
        t.FINGERPRINT: fingerprint.digest,
        t.INPUTS: fingerprint.to_tag(),
        t.STATE: ImageState.BASE,
        **to_tags(has or {}),
        **services_to_tags(services),
        **({t.LOGIN: login} if login != LOGIN else {}),
    }


def name_patterns(wanted: str) -> list[str]:
    """The names of base images that `infra.base_image` means: a pattern, or a line's name, which
    is what its images' names begin with."""
    return [wanted] if re.search(r"[*?]", wanted) else [wanted, f"{wanted} *"]


def lines_of(images: Iterable[Image]) -> list[str]:
    """The names of the lines that our base images among these belong to."""
    return sorted({line for image in images if (line := image.line)})


def of_line(images: Iterable[Image], name: str) -> list[Image]:
    """Those of a line, and those that somebody made by hand for it. `rails` is no part of
    `rails-base`."""
    return [
        image
        for image in images
        if image.line == name
        or (not image.line and not _of_an_application(image) and image.name.startswith(name))
    ]


def unneeded(own: Iterable[Image], name: str) -> list[Image]:
    """Of all images of the account, the bases of this name that nothing needs any more, oldest
    first: not the current one, none that an image still there was built from, none to keep."""
    everything = list(own)
    used = {base for image in everything for base in (image.base, image.other_base)}
    bases = [
        image
        for image in everything
        if image.ours and image.tags.get(t.BASE) == name and image.state is ImageState.BASE
    ]
    current = newest([image for image in bases if image.available])
    return [
        image
        for image in sorted(bases, key=lambda one: (one.created, one.id))
        if image != current and image.id not in used and t.KEEP not in image.tags
    ]
