"""Infra: what a release finds by name. Never a hard-coded id, so it can be re-created under us."""

from datetime import datetime
from typing import TypeVar

from spotkiln.bake.configuration import Configuration, Known
from spotkiln.bake.image import LOGIN
from spotkiln.bake.infra_names import InfraNames
from spotkiln.bake.interpreter import Interpreter
from spotkiln.bake.logs import Logs
from spotkiln.bake.mounts import Mount
from spotkiln.bake.own_template import OwnTemplate
from spotkiln.errors import InputError
from spotkiln.moment import utc
from spotkiln.noun import Noun

T = TypeVar("T")
# As a target group names the port that its requests go to.
TRAFFIC_PORT = "traffic-port"


class HealthCheck(Noun):
    """A target group's own settings. Intervals and timeouts in seconds."""

    protocol: str
    port: str
    path: str
    interval: int
    timeout: int
    healthy_threshold: int
    unhealthy_threshold: int
    matcher: str
    enabled: bool = True


class TargetGroup(Noun):
    """`deregistration_delay` and `slow_start` in seconds, the latter 0 for none; `cross_zone`:
    requests of one zone may go to another's targets; `load_balancers` are ARNs. `sticky`: a visitor
    stays with one of its targets."""

    arn: str
    name: str
    vpc: str
    protocol: str
    port: int
    target_type: str
    load_balancers: tuple[str, ...]
    health_check: HealthCheck
    deregistration_delay: int = 300
    slow_start: int = 0
    cross_zone: bool = True
    sticky: bool = False

    @property
    def account(self) -> str:
        """The account that it belongs to: its ARN names it."""
        return self.arn.split(":")[4]


class RuleRef(Noun):
    """A listener's rule that forwards to both target groups of a pair, by ARNs. A `default` one is
    changed with its listener."""

    arn: str
    listener: str
    default: bool = False


class SmokeListener(Noun):
    """A listener for smoke tests alone, by its ARN, and the address at which it answers."""

    arn: str
    url: str


class BaseImage(Noun):
    """`has`: the versions of its interpreters; empty if nobody wrote them down. `login`: the user
    that a machine of it lets in."""

    id: str
    name: str
    architecture: str
    has: dict[Interpreter, str] = {}  # noqa: RUF012 - pydantic copies defaults
    login: str = LOGIN
    services: tuple[str, ...] | None = None
    """For tests; None if nobody wrote them down."""
    root_device: str = "/dev/xvda"
    root_gib: int = 0
    encrypted: tuple[str, ...] = ()
    deprecated: datetime | None = None
    """As Image's."""

    def out_of_date(self, now: datetime) -> str:
        """What is to be said of one that is deprecated, or will be; empty if it has no date."""
        if self.deprecated is None:
            return ""
        when = f"has been deprecated since {utc(self.deprecated)}"
        if self.deprecated > now:
            when = f"will be deprecated on {utc(self.deprecated)}"
        return f"base image {self} {when}: bake a new one (`spotkiln base`), or name another"

    def __str__(self) -> str:
        return f"{self.name} ({self.id})"


class Infra(Noun):
    """What was found. Servers run in `subnets`, one or more a zone; builders, and the machines that
    test and migrate, in the first of `builder_subnets` with room; requests come from
    `balancer_subnets`. `base_image` is None where nothing is baked, and `other_base` unless images
    for two architectures are. `runs`: which architectures the types that are named run, by type;
    empty where all run the only one. `trial_image` is the id of an
    image that dry runs can name. `types`: those that fit the fleet's attributes now. `tags` are the
    company's own, and so is the launch `template` that ours begins with. `unchecked`: what could
    not be looked at, in words. `second` is the other target group of a pair, `rules` those that
    forward to both, `smoke_listener` another way to either. In what is launched into the second
    one, that is the `target_group`, and `first` the one by which all else is known. `also` are the
    further target groups that its servers join."""

    region: str
    account: str
    target_group: TargetGroup
    load_balancer: str
    address: str
    vpc: str
    subnets: tuple[str, ...]
    balancer_subnets: tuple[str, ...]
    builder_subnets: tuple[str, ...]
    zones: tuple[str, ...]
    security_groups: tuple[str, ...]
    fleet_role: str
    instance_profile: str = ""
    key_pair: str = ""
    base_image: BaseImage | None = None
    other_base: BaseImage | None = None
    runs: dict[str, tuple[str, ...]] = {}  # noqa: RUF012 - pydantic copies defaults
    trial_image: str = ""
    types: tuple[str, ...] = ()
    template: OwnTemplate | None = None
    unchecked: tuple[str, ...] = ()
    tags: dict[str, str] = {}  # noqa: RUF012 - pydantic copies defaults
    adopt: bool = False
    configuration: Known = Known()
    mounts: tuple[Mount, ...] = ()
    test_configuration: Known = Known()
    test_security_groups: tuple[str, ...] = ()
    logs: Logs = Logs()
    second: TargetGroup | None = None
    rules: tuple[RuleRef, ...] = ()
    smoke_listener: SmokeListener | None = None
    also: tuple[TargetGroup, ...] = ()
    first: TargetGroup | None = None

    @property
    def home(self) -> TargetGroup:
        """The target group by which a release is known: its turn, its versions."""
        return self.first or self.target_group

    @property
    def groups(self) -> tuple[TargetGroup, ...]:
        """All target groups that its servers join, first the one that it is known by."""
        return (self.target_group, *self.also)

    def named(self, name: str) -> TargetGroup:
        """The one of `groups` with this name; the first where none has."""
        return next((one for one in self.also if one.name == name), self.target_group)

    @property
    def paired(self) -> bool:
        """Whether there are two target groups."""
        return (self.first or self.second) is not None

    def into(self, name: str) -> "Infra":
        """To launch into this one of the pair."""
        if self.second is None or name == self.target_group.name:
            return self
        changed = {"target_group": self.second, "first": self.target_group, "second": None}
        return self.model_copy(update=changed)

    @property
    def base(self) -> BaseImage:
        """What the application is baked on."""
        if self.base_image is None:
            raise InputError("nothing is baked by a rollback, so no base image was looked up")
        return self.base_image

    @property
    def bases(self) -> tuple[BaseImage, ...]:
        """One for each architecture."""
        return (self.base, self.other_base) if self.other_base else (self.base,)

    def for_other(self) -> "Infra":
        """The same to bake the second image."""
        return self.model_copy(
            update={"base_image": self.other_base, "other_base": self.base_image}
        )


def exactly_one(what: str, where: str, name: str, found: dict[str, T], known: list[str]) -> T:
    """The one thing found under a name, or an error that lists what there is.

    `found` maps a printable identity to the thing; `known` is offered when nothing was found.
    """
    if len(found) == 1:
        return next(iter(found.values()))
    if found:
        listed = ", ".join(sorted(found))
        raise InputError(
            f"expected exactly one {what} {name!r} in {where}, found {len(found)}: {listed}; "
            "rename all but one, or name another"
        )
    listed = ", ".join(sorted(known)[:20]) or "none"
    raise InputError(
        f"no {what} {name!r} in {where}; there are: {listed}. Create it or name another"
    )


def require_apart(
    names: InfraNames, builders: str, asked: Configuration, tests: Configuration
) -> None:
    """The machine that tests a candidate must not reach what the servers reach. `builders` is the
    builder's instance profile; the configurations are the servers' and the tests'.

    Raises:
        InputError: it would have a right, a group or settings of theirs.
    """
    problems = []
    profile = names.test_instance_profile or builders
    if profile and profile == names.instance_profile:
        whose = "infra.test_instance_profile" if names.test_instance_profile else "the builder's"
        problems.append(
            f"its instance profile {profile!r} ({whose}) is the servers' own: name another as "
            "infra.test_instance_profile"
        )
    if both := sorted({*names.test_security_groups} & {*names.security_groups}):
        problems.append(
            f"infra.test_security_groups has the servers' {', '.join(both)}: name groups of its own"
        )
    if shared := asked.shares(tests):
        problems.append(
            f"test_configuration and configuration both read {', '.join(shared)}: give the tests "
            "values of their own"
        )
    if tests.asked and not profile:
        problems.append(
            f"it is to read {tests} with a role of its own, and has none: name one as "
            "infra.test_instance_profile (`spotkiln docs aws` lists its rights)"
        )
    if problems:
        raise InputError(
            "the machine that tests must not reach what the servers reach: " + "; ".join(problems)
        )


def check_pair(first: TargetGroup, second: TargetGroup) -> None:
    """The two groups of a pair must treat servers alike.

    Raises:
        InputError: they do not, or one is sticky.
    """
    alike = ("vpc", "protocol", "port", "target_type", "deregistration_delay", "health_check")
    problems = [
        f"{one.replace('_', ' ')}: {getattr(first, one)} and {getattr(second, one)}"
        for one in alike
        if getattr(first, one) != getattr(second, one)
    ]
    if problems:
        raise InputError(
            f"expected target groups {first.name} and {second.name} to be alike, found "
            f"{'; '.join(problems)}: give both the same settings"
        )
    # AWS wants sticky rules for sticky targets, and a sticky rule keeps visitors where they are.
    if sticky := [one.name for one in (first, second) if one.sticky]:
        raise InputError(
            f"target group {' and '.join(sticky)} keeps visitors with one server, so nobody could "
            "be brought back at once: turn its stickiness off, traffic.sticky_seconds keeps them "
            "with one version"
        )
