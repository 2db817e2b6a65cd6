"""Launcher: what makes servers, keeps their number, and takes them away.

A launcher is one of EC2's services. Everything that knows how it is called, what it calls its
states and errors, and how it marks its instances, stands in one implementation of this protocol
under `spotkiln/aws/serve`. Who uses a launcher uses only this: a second one needs no change
elsewhere (CONTRIBUTING.md says how to add one).

Every method may be called again at any point, and by two at once. What a launcher makes carries the
release's tags from the moment it exists: whoever finds it knows whose it is.
"""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Protocol

from spotkiln import tags as t
from spotkiln.bake.infra import Infra
from spotkiln.bake.infra_names import InfraNames
from spotkiln.noun import Noun
from spotkiln.serve.fleet import Fleet
from spotkiln.serve.order import Order
from spotkiln.serve.problem import Problem
from spotkiln.serve.spec import FleetSpec, LauncherKind
from spotkiln.statement import Statement
from spotkiln.target import Instance

# Whatever they carry.
NONE: Mapping[str, str] = MappingProxyType({})
# Told of each thing as soon as it is asked for: its kind, as EC2 names it, and its id.
Note = Callable[[str, str], None]


class Part(Noun):
    """Something that launchers make beside fleets, with a life of its own: a launch template.

    `kind` is EC2's name for it. `ours`: a release chose its name, and its tag says which one.
    """

    kind: str
    id: str
    name: str = ""
    ours: bool
    tags: dict[str, str] = {}  # noqa: RUF012 - pydantic copies defaults

    @property
    def release(self) -> str:
        return self.tags.get(t.RELEASE, "")


class Launcher(Protocol):
    """One way to launch servers.

    `name` is AWS's name for it, as people read it, `kind` a deployment's word for it. `resource` is
    EC2's name for the kind of its fleets, `part` for the kind of their parts, empty if it has none.
    `late_seconds`: how old what it says of its problems may be; asking again sooner tells nothing
    new. `stop_call` is the AWS call by which somebody else may stop a fleet: CloudTrail tells who
    made it. `service_role` is the path of the role that AWS makes for the service: it must be able
    to use the key of an encrypted disk. `statements` are the rights in IAM that we need for it,
    `role_statements` those of the role that it launches with.
    """

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> LauncherKind: ...
    @property
    def resource(self) -> str: ...
    @property
    def part(self) -> str: ...
    @property
    def late_seconds(self) -> float: ...
    @property
    def service_role(self) -> str: ...
    @property
    def stop_call(self) -> str: ...
    @property
    def statements(self) -> tuple[Statement, ...]: ...
    @property
    def role_statements(self) -> tuple[Statement, ...]: ...

    # -- before anything is launched --

    def role(self, names: InfraNames) -> str:
        """The ARN of the IAM role that it launches with; empty if it needs none.

        Raises:
            InputError: the role is not there, or does not trust the launcher.
        """
        ...

    def check(self, infra: Infra, spec: FleetSpec) -> None:
        """Ask AWS, without launching anything, whether the launch would be allowed.

        Raises:
            PermissionDenied: it would not; the message names the action.
        """
        ...

    # -- launch and look --

    def launch(self, order: Order, note: Note) -> Fleet:
        """Ask for a fleet, which is pending. The same order twice is one fleet; its instances
        register themselves with the order's target group. AWS does not scale it yet, whatever the
        order asks for."""
        ...

    def listing(self, tags: Mapping[str, str] = NONE) -> list[Fleet]:
        """All of its fleets in the region, whoever asked for them; the ended ones for as long as
        AWS tells of them. With `tags` those that carry these, if AWS can be asked so: else all."""
        ...

    def find(self, fleet: str) -> Fleet | None:
        """One fleet by its id; None while AWS does not tell of it yet, or does not any more."""
        ...

    def members(self, fleet: str, enough: int | None = None) -> list[Instance]:
        """All that a fleet launched and EC2 still tells of, the terminated of the last hour too.

        Two ways of asking may be needed to find all of them. Once the first shows so many living
        ones that it is `enough`, the second is left out.
        """
        ...

    def fleet_of(self, instance: Instance) -> str:
        """The id of the fleet that launched an instance, by AWS's own mark on it; empty if none of
        this launcher's did, or if AWS does not mark them all."""
        ...

    def problems(self, fleet: str) -> list[Problem]:
        """What hinders a fleet since its last launch, oldest first."""
        ...

    def history(self, fleet: str) -> list[str]:
        """What happened to a fleet, in AWS's words, a line each, oldest first."""
        ...

    # -- change and take away --

    def mark(self, fleet: str, tags: Mapping[str, str]) -> None:
        """Add or replace tags of a fleet."""
        ...

    def resize(self, fleet: str, capacity: int) -> None:
        """From now on the fleet is kept at so many servers."""
        ...

    def enlarge(self, fleet: str, order: Order, capacity: int) -> None:
        """The same for one that was launched for this order, in batches: so many of what was
        ordered."""
        ...

    def suspend_scaling(self, fleet: Fleet, release: str) -> None:
        """From now on AWS scales the fleet no more, until `resume_scaling`. The fleet's tag says
        so, and by which release, before it is done: whoever comes later can undo it."""
        ...

    def resume_scaling(self, fleet: Fleet) -> None:
        """What a release has suspended, by the fleet's tag, goes on. What somebody else had
        suspended stays so."""
        ...

    def end_scaling(self, fleet: Fleet) -> None:
        """What AWS keeps for the scaling of a fleet that is being retired goes, unless it goes with
        the fleet. It can be repeated."""
        ...

    def stop_replacing(self, fleets: Iterable[str]) -> None:
        """From now on these launch nothing any more; their instances stay. One that was stopped
        before is no error. What was ordered before may still come.

        Raises:
            SpotkilnError: one was not stopped, with its id and AWS's reason.
        """
        ...

    def remove(self, fleet: Fleet) -> None:
        """End a fleet that was stopped and has no instances left, unless AWS ends it by itself.
        Whoever calls this looks until the fleet is gone."""
        ...

    # -- what fleets are made of --

    def parts(self, release: str = "") -> list[Part]:
        """What carries the tag of this release, or of any; what only inherited it is not `ours`."""
        ...

    def has_part(self, part: str) -> bool:
        """Whether a part of this id is there."""
        ...

    def remove_part(self, part: str) -> None:
        """By its id. One that is gone already is no error."""
        ...
