"""What IAM says of the rights that a release, a rollback and reconcile need."""

from collections.abc import Iterable
from typing import NamedTuple

from spotkiln.noun import Noun
from spotkiln.serve.spec import LauncherKind
from spotkiln.statement import Statement


class Names(Noun):
    """What a deployment names that rights can be narrowed to, and the parts that it needs of those
    that may be left out (parts.py)."""

    fleet_role: str
    target_group: str
    second_target_group: str = ""
    also_behind: tuple[str, ...] = ()
    instance_profile: str = ""
    launcher: LauncherKind = LauncherKind.FLEET
    parts: tuple[str, ...] = ()
    # Of the machines that bake and test.
    other_profiles: tuple[str, ...] = ()
    build_secrets: tuple[str, ...] = ()
    # ARNs of the keys of disks that the worker's own rights decide about.
    disk_keys: tuple[str, ...] = ()
    log_group: str = ""

    @property
    def target_groups(self) -> tuple[str, ...]:
        """All that it names."""
        named = (self.target_group, self.second_target_group, *self.also_behind)
        return tuple(name for name in named if name)


class Granted(NamedTuple):
    """IAM's answer for one action. `conditional`: it depends on a condition that a simulation
    cannot know."""

    action: str
    allowed: bool
    conditional: bool


def together(*lists: Iterable[Statement]) -> list[Statement]:
    """All of these, each once: two launchers may need the same."""
    return list({one.sid: one for each in lists for one in each}.values())


def missing(granted: Iterable[Granted]) -> list[str]:
    """Those that are not allowed, whatever the circumstances."""
    return sorted({one.action for one in granted if not (one.allowed or one.conditional)})
