"""Target: one instance of a fleet, as EC2 and the load balancer see it at one moment."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Self

from spotkiln.noun import Noun

# Beyond the target group's own delay, for connections that end late and for AWS's bookkeeping.
DRAIN_SLACK_SECONDS = 120


class Health(StrEnum):
    """The load balancer's states; `unregistered` is ours for one that it does not know."""

    INITIAL = "initial"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    UNUSED = "unused"
    DRAINING = "draining"
    UNHEALTHY_DRAINING = "unhealthy.draining"
    UNAVAILABLE = "unavailable"
    UNREGISTERED = "unregistered"


class End(StrEnum):
    """Why an instance stopped or terminated, as far as it matters to a release."""

    RECLAIMED = "EC2 took the Spot instance back"
    BY_EC2 = "EC2 ended it for a reason of its own, such as failed hardware"
    FROM_INSIDE = "it was shut down from inside"
    KEY_REFUSED = "EC2 may not use the KMS key of its volume"
    VOLUME_QUOTA = "the account's quota of volumes is used up"
    SNAPSHOT_GONE = "the snapshot of its image is not there"
    BY_OTHERS = "somebody ended it, or it ended for a reason that is not known here"


class Instance(Noun):
    """An EC2 instance. Once it stops or terminates, `end` is why, and `lost_by` EC2's own code for
    that. `key` is its key pair's name, `requester` the service that launched it on somebody's
    behalf, `fleet` the fleet that it is known to be a member of, and `launcher` the name of the
    launcher whose mark says so. Of its `volumes` the `own_volumes` end with it."""

    id: str
    state: str
    type: str = ""
    zone: str = ""
    address: str = ""
    image: str = ""
    spot: bool = False
    launched: datetime = datetime.fromtimestamp(0, UTC)
    end: End | None = None
    lost_by: str = ""
    fleet: str = ""
    launcher: str = ""
    key: str = ""
    requester: str = ""
    volumes: tuple[str, ...] = ()
    own_volumes: tuple[str, ...] = ()
    tags: dict[str, str] = {}  # noqa: RUF012 - pydantic copies defaults

    def of(self, fleet: str) -> Self:
        """The same one, known to be this fleet's."""
        return self.model_copy(update={"fleet": fleet})

    @property
    def stays(self) -> bool:
        """Whether it is there until somebody ends it, stopped ones too."""
        return self.state not in {"shutting-down", "terminated"}

    @property
    def live(self) -> bool:
        return self.state in {"pending", "running"}

    @property
    def gone(self) -> bool:
        return self.state == "terminated"

    @property
    def interrupted(self) -> bool:
        """Whether EC2 took it back."""
        return self.end is End.RECLAIMED


class Target(Noun):
    """A live instance with its health: AWS's state, reason code and description. `group` is the
    name of the target group in which it is so, where its fleet is in several."""

    instance: str
    health: Health
    reason: str = ""
    description: str = ""
    group: str = ""

    @property
    def state(self) -> str:
        """`unhealthy`, or `unhealthy in shop-internal`."""
        return f"{self.health} in {self.group}" if self.group else str(self.health)

    def __str__(self) -> str:
        text = f"{self.instance} {self.state}"
        if self.reason:
            text += f" ({self.reason}"
            text += f": {self.description})" if self.description else ")"
        return text


class Server(Noun):
    """One target, or one instance that should be. `fleet` is empty for foreign targets."""

    instance: str
    health: Health
    reason: str = ""
    type: str = ""
    zone: str = ""
    spot: bool = False
    fleet: str = ""
    group: str = ""

    @property
    def state(self) -> str:
        """As a target's."""
        return f"{self.health} in {self.group}" if self.group else str(self.health)


def server_of(target: Target, instance: Instance | None) -> Server:
    """A target together with what EC2 tells of it, if it does."""
    return Server(
        instance=target.instance,
        health=target.health,
        reason=target.reason,
        type=instance.type if instance else "",
        zone=instance.zone if instance else "",
        spot=instance.spot if instance else False,
        fleet=instance.fleet if instance else "",
        group=target.group,
    )


# Of several target groups the one tells most in which a server is the first of these. One that
# waiting may not mend comes before one that it does.
TELLING = (
    Health.UNUSED,
    Health.UNHEALTHY,
    Health.UNAVAILABLE,
    Health.UNHEALTHY_DRAINING,
    Health.DRAINING,
    Health.UNREGISTERED,
    Health.INITIAL,
    Health.HEALTHY,
)


def in_all(instances: Iterable[str], groups: Mapping[str, Mapping[str, Target]]) -> list[Target]:
    """Each of these instances as it is in all of the target groups, by their names: healthy if it
    is so in each of them, else as it is where that tells most. One that a group does not know yet
    is `unregistered` there."""
    return [
        _worst(
            {
                name: targets.get(one) or Target(instance=one, health=Health.UNREGISTERED)
                for name, targets in groups.items()
            },
            named=len(groups) > 1,
        )
        for one in instances
    ]


def in_any(groups: Mapping[str, Mapping[str, Target]]) -> dict[str, Target]:
    """All that the target groups know, by instance: each as it is where that tells most, among the
    groups that know it."""
    every = dict.fromkeys(one for targets in groups.values() for one in targets)
    return {
        one: _worst(
            {name: targets[one] for name, targets in groups.items() if one in targets},
            named=len(groups) > 1,
        )
        for one in every
    }


def _worst(found: Mapping[str, Target], *, named: bool) -> Target:
    name = min(found, key=lambda one: TELLING.index(found[one].health))
    worst = found[name]
    if worst.health is Health.HEALTHY or not named:
        return worst
    return worst.model_copy(update={"group": name})
