"""The launchers that there are, as one: each fleet is dealt with by the launcher that keeps it.

Whoever works with fleets asks here and nowhere else. So a deployment may change its launcher: the
next release launches with the new one, and retires what the old one keeps.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from spotkiln import tags as t
from spotkiln.aws.serve.auto_scaling.launcher import AutoScaling
from spotkiln.aws.serve.spot_fleet.launcher import SpotFleet
from spotkiln.aws.session import Aws
from spotkiln.bake.served import text_of
from spotkiln.errors import InfrastructureError
from spotkiln.serve.fleet import Fleet, Phase
from spotkiln.serve.launcher import Launcher, Note, Part
from spotkiln.serve.order import Order
from spotkiln.serve.spec import FleetSpec
from spotkiln.target import Instance

# All that there are.
LAUNCHERS: tuple[type[SpotFleet] | type[AutoScaling], ...] = (SpotFleet, AutoScaling)


class Launchers:
    """All launchers of a region."""

    def __init__(self, each: Sequence[Launcher]) -> None:
        self.each = tuple(each)

    def of(self, fleet: Fleet) -> Launcher:
        """The launcher that keeps a fleet.

        Raises:
            InfrastructureError: there is none of that name.
        """
        for one in self.each:
            if one.name == fleet.launcher:
                return one
        known = ", ".join(one.name for one in self.each)
        raise InfrastructureError(
            f"{fleet.id} is kept by {fleet.launcher!r}; the launchers known here are {known}"
        )

    # -- launch --

    def for_spec(self, spec: FleetSpec) -> Launcher:
        """The launcher that a deployment asks for."""
        return next(one for one in self.each if one.kind is spec.launcher)

    def launch(self, order: Order, note: Note) -> Fleet:
        """Ask for a new fleet; see `Launcher.launch`."""
        return self.for_spec(order.asked).launch(order, note)

    # -- look --

    def listing(self) -> list[Fleet]:
        """All fleets of the region, whoever keeps them and whoever asked for them."""
        return [fleet for one in self.each for fleet in one.listing()]

    def at(self, target_group: str) -> list[Fleet]:
        """Those that a release has made, or adopted, for this target group (its name). Others may
        be among them."""
        return self._with_tag(t.TARGET_GROUP, target_group)

    def of_release(self, release: str) -> list[Fleet]:
        found = self._with_tag(t.RELEASE, release)
        return [fleet for fleet in found if fleet.release == release]

    def _with_tag(self, key: str, value: str) -> list[Fleet]:
        return [fleet for one in self.each for fleet in one.listing({key: value})]

    def find(self, fleet: str) -> Fleet | None:
        """By its id; None while it cannot be seen yet, or no longer."""
        return next((found for one in self.each if (found := one.find(fleet))), None)

    def members(self, fleet: Fleet, enough: int | None = None) -> list[Instance]:
        return self.of(fleet).members(fleet.id, enough)

    def claimed(self, instances: Iterable[Instance]) -> list[Instance]:
        """The same instances. Whoever launched one that carries a launcher's mark is known then."""
        return [one if one.fleet else self._claimed(one) for one in instances]

    def _claimed(self, instance: Instance) -> Instance:
        for one in self.each:
            if fleet := one.fleet_of(instance):
                return instance.model_copy(update={"fleet": fleet, "launcher": one.name})
        return instance

    # -- mark --

    def mark(self, fleet: Fleet, tags: Mapping[str, str]) -> None:
        """Add or replace tags of a fleet."""
        self.of(fleet).mark(fleet.id, tags)

    def set_phase(self, fleet: Fleet, phase: Phase) -> None:
        """Written before the step that it announces."""
        self.mark(fleet, {t.PHASE: str(phase)})

    def promote(self, fleet: Fleet, moment: datetime) -> dict[str, str]:
        """From now on the fleet is what serves. One call: who sees the phase sees the time. The
        tags that were written."""
        marks = {t.PHASE: str(Phase.SERVING), t.PROMOTED: text_of(moment)}
        self.mark(fleet, marks)
        return marks

    # -- scaling --

    def resize(self, fleet: Fleet, capacity: int) -> Fleet:
        """Keep a fleet at so many servers; the fleet as it is then."""
        self.of(fleet).resize(fleet.id, capacity)
        return fleet.model_copy(update={"capacity": capacity})

    def enlarge(self, fleet: Fleet, order: Order, capacity: int) -> Fleet:
        """The next batch of a fleet that was launched for this order; the fleet as it is then."""
        self.of(fleet).enlarge(fleet.id, order, capacity)
        return fleet.model_copy(update={"capacity": capacity})

    def suspend_scaling(self, fleets: Iterable[Fleet], release: str) -> None:
        for fleet in fleets:
            if fleet.scales:
                self.of(fleet).suspend_scaling(fleet, release)

    def resume_scaling(self, fleets: Iterable[Fleet]) -> None:
        """Of those whose scaling a release has suspended."""
        for fleet in fleets:
            if fleet.suspension:
                self.of(fleet).resume_scaling(fleet)

    def end_scaling(self, fleets: Iterable[Fleet]) -> None:
        for fleet in fleets:
            if fleet.scales:
                self.of(fleet).end_scaling(fleet)

    # -- take away --

    def stop_replacing(self, fleets: Iterable[Fleet]) -> None:
        """They launch nothing any more; their instances stay. Each launcher is called once."""
        wanted = list(fleets)
        for one in {self.of(fleet).name: self.of(fleet) for fleet in wanted}.values():
            one.stop_replacing(fleet.id for fleet in wanted if fleet.launcher == one.name)

    def parts(self, release: str = "") -> list[Part]:
        """What fleets are made of; launchers may use the same kind of parts."""
        asked = (one for kind in self.kinds_of_parts for one in self._with(kind))
        return [part for one in asked for part in one.parts(release)]

    @property
    def kinds_of_parts(self) -> list[str]:
        return sorted({one.part for one in self.each if one.part})

    def has_part(self, kind: str, part: str) -> bool:
        return any(one.has_part(part) for one in self._with(kind))

    def remove_part(self, kind: str, part: str) -> None:
        for one in self._with(kind):
            one.remove_part(part)

    def _with(self, kind: str) -> list[Launcher]:
        """The first launcher that has parts of this kind: it does for all who share it."""
        return [one for one in self.each if one.part == kind][:1]


def launchers(aws: Aws) -> Launchers:
    return Launchers([make(aws) for make in LAUNCHERS])
