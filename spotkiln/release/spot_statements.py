"""The rights for builders on Spot machines, which may be left out; see statements.py.

Packer asks EC2 Fleet for the machine, by a launch template that it makes and takes away. Whoever
asks for a fleet of type `instant` launches what it launches.
"""

from spotkiln import tags as t
from spotkiln.bake.own import BUILDER, TESTER
from spotkiln.statement import (
    EC2,
    IMAGES,
    INSTANCES,
    INTERFACES,
    NEW,
    OURS,
    REQUESTS,
    SUBNETS,
    TEMPLATES,
    VOLUMES,
    Condition,
    Statement,
    new_by,
)

SPOT_BUILDERS = "Spot builders"
# Tags of a machine that EC2 Fleet has launched, and that has none of ours yet.
_OF_A_FLEET = {f"aws:RequestTag/{t.RELEASE}": "?*", "aws:ResourceTag/aws:ec2:fleet-id": "?*"}
# A launch template that Packer has made for a builder of ours, or for a machine that tests.
_OF_A_BUILDER: Condition = {
    **OURS,
    "StringEquals": {f"aws:ResourceTag/{t.ROLE}": (BUILDER, TESTER)},
}
SPOT = (
    Statement(
        sid="AskForSpot",
        task="bake, test; with build.spot",
        why="Packer asks EC2 Fleet for a Spot machine",
        actions=("ec2:CreateFleet",),
        resources=(f"{EC2}:fleet/*", INSTANCES, VOLUMES, IMAGES, SUBNETS),
        part=SPOT_BUILDERS,
    ),
    Statement(
        sid="LaunchSpotBy",
        task="bake, test; with build.spot",
        why="by a launch template that carries the release's tag",
        actions=("ec2:CreateFleet", "ec2:RunInstances"),
        resources=(TEMPLATES,),
        condition=_OF_A_BUILDER,
        part=SPOT_BUILDERS,
    ),
    Statement(
        sid="LaunchSpot",
        task="bake, test; with build.spot",
        why="Packer 1.6.6 tags a Spot machine once it is there; it may use templates of ours alone",
        actions=("ec2:RunInstances",),
        resources=(INSTANCES, VOLUMES, REQUESTS),
        condition={"StringLike": {"ec2:LaunchTemplate": "*:launch-template/*"}},
        part=SPOT_BUILDERS,
    ),
    Statement(
        sid="TagSpot",
        task="bake, test; with build.spot",
        why="the machine's tags, afterwards; only what EC2 Fleet has launched gets them",
        actions=("ec2:CreateTags",),
        resources=(INSTANCES,),
        condition={"StringLike": _OF_A_FLEET},
        part=SPOT_BUILDERS,
    ),
    Statement(
        sid="TagSpotDisks",
        task="bake, test; with build.spot",
        why="the tags of its disks and of its Spot request",
        actions=("ec2:CreateTags",),
        resources=(VOLUMES, REQUESTS),
        condition=NEW,
        part=SPOT_BUILDERS,
    ),
    Statement(
        sid="TagNewSpot",
        task="bake, test; with build.spot",
        why="a newer Packer gives its tags to all of it when it is made",
        actions=("ec2:CreateTags",),
        resources=(INSTANCES, VOLUMES, INTERFACES),
        condition=new_by("CreateFleet"),
        part=SPOT_BUILDERS,
    ),
)
