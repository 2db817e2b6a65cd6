"""What is ours: what a release chose the name of, or asked AWS for, and that carries its tag.

A tag alone proves nothing. "Launch more like this" copies the tags of an instance, a copied image
may carry those of its source, and backups carry those of what they back up. AWS's own tags
(`aws:`) cannot be copied. What only inherited a tag is listed, and left alone.
"""

import re
from collections.abc import Collection, Iterable, Mapping

from spotkiln import tags as t
from spotkiln.bake.image import Image
from spotkiln.bake.image_name import ARCHITECTURES
from spotkiln.noun import Noun
from spotkiln.target import Instance

BUILDER_PREFIX = "spotkiln-builder-"
TEMPLATE_PREFIX = "spotkiln-"
SECOND = "|".join(ARCHITECTURES)
# What `builder_name` makes for a key pair: other people's keys may begin as ours do.
KEY_PAIR = re.compile(rf"{BUILDER_PREFIX}(.+-[0-9a-f]{{12}})(\.({SECOND}))?")
# What an instance was launched for: values of its tag.
BUILDER, TESTER, SERVER = "builder", "tester", "server"
# These carry out one command.
MIGRATION, TASK, SMOKE, CHECK, HOOK = "migration", "task", "smoke", "check", "hook"
PACKERS = frozenset({BUILDER, TESTER, MIGRATION, TASK, SMOKE, CHECK, HOOK})

FLEET = "aws:ec2:fleet-id"
# A builder is launched directly: what one of these launched carries the service's own tag.
LAUNCHED_FOR_OTHERS = (
    "aws:autoscaling:",
    "aws:cloudformation:",
    FLEET,
    "aws:ec2launchtemplate:",
    "aws:ec2spot:",
)
# Except of a Spot builder.
PACKERS_FLEET = (FLEET, "aws:ec2launchtemplate:")
# Those who copy an instance's tags to the images and snapshots that they make of it.
BACKUPS = ("aws:backup:", "aws:dlm:", "dlm:")
# Packer makes one for a Spot builder, and takes it away itself.
PACKERS_TEMPLATE = re.compile(r"packer-fleet-launch-template-[A-Za-z0-9]{7}")
# EC2's own words. What CopyImage makes is "Copied for DestinationAmi … from SourceAmi …".
CREATED = re.compile(r"Created by CreateImage\(i-[0-9a-f]+\) for (ami-[0-9a-f]+)( from vol-\w+)?")
COPIED = re.compile(r"Copied for DestinationAmi (ami-[0-9a-f]+) from SourceAmi (ami-[0-9a-f]+)\b.*")


class LeftAlone(Noun):
    """Something with a release's tag that is not ours: `kind` is EC2's name for it."""

    kind: str
    id: str
    why: str

    def __str__(self) -> str:
        return f"{self.kind} {self.id}: {self.why}"


def builder_name(release: str, second: str = "") -> str:
    """Of the builders' security group, and of a builder's key pair; `second` is the architecture of
    the one that makes a release's second image: two have no key pair in common."""
    name = f"{BUILDER_PREFIX}{release}"
    return f"{name}.{second}" if second else name


def builder_names(release: str) -> list[str]:
    """Of all key pairs that a release's builders may have."""
    return [builder_name(release, one) for one in ("", *ARCHITECTURES)]


def owner_of(key: str) -> str:
    """Whose builder has a key pair of this name; empty if no release chose it."""
    chosen = KEY_PAIR.fullmatch(key)
    return chosen[1] if chosen else ""


def by_packers_fleet(one: Instance) -> bool:
    """Packer asks EC2 Fleet for a Spot builder, which launches by a template: the service's marks
    say so. Its key pair, which one release has for minutes, says whose it is."""
    return one.spot and FLEET in one.tags


def untagged_builder(one: Instance, release: str) -> bool:
    """Packer 1.6.6 tags a Spot builder once it is there: a kill may come in between."""
    named = one.key in builder_names(release)
    return named and by_packers_fleet(one) and t.RELEASE not in one.tags


def not_a_builder(one: Instance) -> str:
    """Why an instance that is no fleet's was not launched by us; empty for a builder of ours."""
    if one.tags.get(t.ROLE) not in PACKERS:
        return f"no builder: its tag {t.ROLE} is {one.tags.get(t.ROLE) or 'not there'}"
    if one.key not in builder_names(one.tags.get(t.RELEASE, "")):
        return f"no builder: its key pair is {one.key or 'none'}"
    spot = by_packers_fleet(one)
    if one.requester and not spot:
        return f"no builder: {one.requester} launched it on somebody's behalf"
    services = [key for key in one.tags if key.startswith(LAUNCHED_FOR_OTHERS)]
    others = [key for key in services if not (spot and key.startswith(PACKERS_FLEET))]
    return f"no builder: it carries {others[0]}" if others else ""


def is_builder(one: Instance) -> bool:
    """By its role, its key pair and who launched it."""
    return not one.fleet and not not_a_builder(one)


def made_for(description: str, tags: Mapping[str, str]) -> str:
    """The image that this snapshot was made for, by CreateImage or by a release's CopyImage; empty
    for others' copies and backups."""
    if any(key.startswith(BACKUPS) for key in tags):
        return ""
    if found := CREATED.fullmatch(description):
        return found[1]
    copied = COPIED.fullmatch(description)
    # A copy of the copy carries the tag, too, and EC2 names another source.
    ours = copied and tags.get(t.COPIED_FROM, "").rpartition("/")[2] == copied[2]
    return copied[1] if copied and ours else ""


def template_is_ours(name: str, tags: Mapping[str, str]) -> bool:
    """By the name that the release chose (`fleet.template_name`); a Spot builder's by Packer's name
    and its tags, which nothing copies."""
    release = tags.get(t.RELEASE, "")
    chosen = rf"{re.escape(TEMPLATE_PREFIX + release)}-[0-9a-f]{{8}}(-({SECOND}))?"
    packers = tags.get(t.ROLE) in PACKERS and PACKERS_TEMPLATE.fullmatch(name)
    return bool(release) and bool(packers or re.fullmatch(chosen, name))


def inherited_images(images: Iterable[Image]) -> list[LeftAlone]:
    """Those with a release's tag whose name no release chose."""
    why = "a copy: no release chose its name"
    return [
        LeftAlone(kind="image", id=one.id, why=f"{why} {one.name!r}")
        for one in images
        if t.RELEASE in one.tags and not one.ours
    ]


def with_fleets(
    instances: Iterable[Instance], members: Mapping[str, Collection[str]]
) -> list[Instance]:
    """`members` are instances by fleet, as the fleet tells them: EC2 may not tag all of them."""
    by_instance = {name: fleet for fleet, names in members.items() for name in names}
    return [
        one if one.fleet or one.id not in by_instance else one.of(by_instance[one.id])
        for one in instances
    ]
