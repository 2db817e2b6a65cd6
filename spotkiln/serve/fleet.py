"""Fleet: the servers of one release, as one thing that AWS keeps at its capacity.

The word is AWS's: a Spot Fleet, an EC2 Fleet. An Auto Scaling group is a fleet here, too: the same
servers, kept by another launcher.
"""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from spotkiln import tags as t
from spotkiln.noun import Noun
from spotkiln.serve.scaling import Suspension

# A word in the tag of held commits. It says that a person has lifted the hold.
LIFTED = "lifted"


def short(commit: str) -> str:
    """The short name of a commit, in tags and for people."""
    return commit[:12]


def name_of(target_group: str) -> str:
    """A target group's name. Its ARN ends with `targetgroup/<name>/<id>`."""
    return target_group.split("/")[1] if target_group.count("/") == 2 else ""


class State(StrEnum):
    """What a launcher does with a fleet now."""

    KEPT = "kept at its capacity"
    STOPPED = "not replaced any more, its instances may run"
    ENDING = "not replaced any more, its instances are being terminated"
    ENDED = "ended"
    FAILED = "failed"


class Phase(StrEnum):
    """Where a fleet stands; written to its tag before the step that it announces."""

    PENDING = "pending"
    SERVING = "serving"
    RETIRING = "retiring"


class Fleet(Noun):
    """A group of servers that a launcher keeps at its capacity.

    `launcher` is the launcher's name. `status` is AWS's own word for the fleet's state, for people
    to read. A `stuck` fleet launches nothing now, and AWS says so. `created` is UTC. The capacity
    of a `weighted` fleet is not in instances. `parts` are the ids of what the launcher made for it
    and EC2 keeps apart from it: a launch template.
    `target_groups` are those that it counts for. `registered`: where its servers are, if that is
    the second group of a pair; it counts for the first then. `also`: the further target groups in
    which its servers are; it does not count for them.
    """

    id: str
    launcher: str
    state: State
    status: str = ""
    stuck: bool = False
    capacity: int
    created: datetime = datetime.fromtimestamp(0, UTC)
    target_groups: tuple[str, ...] = ()
    registered: str = ""
    also: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    classic_load_balancers: tuple[str, ...] = ()
    weighted: bool = False
    tags: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _as_it_counts(self) -> Self:
        """Whoever reads a fleet from AWS knows only where its servers are."""
        names, first = self.tags.get(t.ALSO_BEHIND, "").split(), self.tags.get(t.PAIR, "")
        also = tuple(arn for arn in self.target_groups if name_of(arn) in names)
        groups = tuple(arn for arn in self.target_groups if arn not in also)
        if also:
            object.__setattr__(self, "also", tuple(sorted({*self.also, *also})))
            object.__setattr__(self, "target_groups", groups)
        if first and len(groups) == 1 and groups[0] != first:
            object.__setattr__(self, "registered", groups[0])
        if first and (len(groups) == 1 or (also and not groups)):
            object.__setattr__(self, "target_groups", (first,))
        return self

    @property
    def group(self) -> str:
        """The ARN of the target group that its servers are in, of several the one that it counts
        for; empty if there is none."""
        return self.registered or next(iter(self.target_groups), "")

    @property
    def groups(self) -> tuple[str, ...]:
        """The ARNs of all target groups that its servers are in."""
        own = (self.registered,) if self.registered else self.target_groups
        return (*own, *self.also)

    @property
    def release(self) -> str:
        return self.tags.get(t.RELEASE, "")

    @property
    def run(self) -> str:
        return self.tags.get(t.RUN, "")

    @property
    def image(self) -> str:
        return self.tags.get(t.IMAGE, "")

    @property
    def images(self) -> tuple[str, ...]:
        """The ids of all images that it launches: one for each architecture."""
        return tuple(filter(None, (self.image, self.tags.get(t.TWIN, ""))))

    @property
    def commit(self) -> str:
        return self.tags.get(t.COMMIT, "")

    @property
    def adopted(self) -> bool:
        """Whether somebody else asked for this fleet, and we only retire it."""
        return t.ADOPTED in self.tags

    @property
    def scales(self) -> bool:
        """Whether AWS changes its capacity, or would if no release had suspended that."""
        return t.SCALING in self.tags

    @property
    def suspension(self) -> Suspension | None:
        """Of its scaling, by a release; None if there is none."""
        return Suspension.from_tag(self.tags.get(t.SCALING, ""))

    @property
    def left(self) -> tuple[str, ...]:
        """The commits that were left by the rollback which asked for this fleet, newest first."""
        return tuple(x for x in self.tags.get(t.HELD, "").split() if x != LIFTED)

    @property
    def held(self) -> tuple[str, ...]:
        """The commits of `left` that nobody releases unasked; none if a person has lifted that."""
        return () if LIFTED in self.tags.get(t.HELD, "").split() else self.left

    @property
    def group_names(self) -> frozenset[str]:
        """The names of the target groups that it counts for."""
        return frozenset(filter(None, map(name_of, self.target_groups)))

    @property
    def phase(self) -> Phase | None:
        """None for fleets that are not ours."""
        value = self.tags.get(t.PHASE)
        return Phase(value) if value in set(Phase) else None

    @property
    def promoted(self) -> datetime | None:
        """When it was promoted; None if it never was, or before there was such a tag."""
        try:
            moment = datetime.fromisoformat(self.tags.get(t.PROMOTED, ""))
        except ValueError:
            return None
        return moment if moment.tzinfo else None

    @property
    def has_served(self) -> bool:
        """Whether it serves, or served before its retirement. A promotion that was taken back does
        not count: another release was promoted first."""
        return self.phase in {Phase.SERVING, Phase.RETIRING}

    @property
    def order(self) -> tuple[datetime, str]:
        """The place of a fleet among others: by its promotion; without that, by its creation."""
        return (self.promoted or self.created, self.id)

    @property
    def live(self) -> bool:
        """Whether its launcher still keeps it at its capacity."""
        return self.state is State.KEPT

    @property
    def gone(self) -> bool:
        """Whether it launches nothing any more, and has no instances that it knows of."""
        return self.state in {State.ENDED, State.FAILED}
