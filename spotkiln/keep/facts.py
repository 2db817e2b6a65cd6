"""Facts: all that is ours in AWS, as reconcile sees it."""

from datetime import datetime

from spotkiln.bake.image import Image
from spotkiln.bake.own import LeftAlone
from spotkiln.keep.lease import NEVER
from spotkiln.keep.preview import Preview
from spotkiln.keep.takedown import Begun
from spotkiln.noun import Noun
from spotkiln.serve.fleet import Fleet
from spotkiln.serve.weights import HandOver
from spotkiln.target import Instance


class Owned(Noun):
    """Something of which only the id and the release matter. `tried`: see `Action`."""

    id: str
    release: str
    target_group: str = ""
    tried: str = ""


class BuilderGroup(Noun):
    """A security group with a tag of ours."""

    id: str
    name: str
    tags: dict[str, str]


class OwnedPart(Owned):
    """What a fleet is made of, and EC2 keeps apart from it; `kind` is EC2's name for it."""

    kind: str


class Snapshot(Noun):
    """`image` is the AMI that its description says it was made for."""

    id: str
    release: str = ""
    image: str = ""
    target_group: str = ""
    tried: str = ""


class Facts(Noun):
    """Everything that is ours, and which releases live.

    `images` include those that are ours only by their name: then the release is read from it.
    `instances` are builders, and members of fleets. `left_alone` is what only inherited a tag of
    ours. `parts` are what fleets are made of. `takedowns` and `hand_overs` are those that have
    begun and not ended. `others` are the fleets that are not ours. `now` is when all this was so,
    in AWS's time.
    """

    living: frozenset[str] = frozenset()
    fleets: tuple[Fleet, ...] = ()
    instances: tuple[Instance, ...] = ()
    images: tuple[Image, ...] = ()
    snapshots: tuple[Snapshot, ...] = ()
    parts: tuple[OwnedPart, ...] = ()
    security_groups: tuple[Owned, ...] = ()
    key_pairs: tuple[Owned, ...] = ()
    left_alone: tuple[LeftAlone, ...] = ()
    takedowns: tuple[Begun, ...] = ()
    previews: tuple[Preview, ...] = ()
    hand_overs: tuple[HandOver, ...] = ()
    others: tuple[Fleet, ...] = ()
    now: datetime = NEVER
