"""What Prefect has of an application that is taken down: deployments, runs, and who names them."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from spotkiln.bake.infra_names import InfraNames
from spotkiln.errors import InputError
from spotkiln.noun import Noun
from spotkiln.release.release import ReleaseSpec
from spotkiln.start.deployment import PREVIEW, Deployment
from spotkiln.start.run import Run


class Place(Noun):
    """An application in a target group of a region, by their names."""

    app: str
    region: str
    target_group: str

    def __str__(self) -> str:
        return f"{self.app} in target group {self.target_group} ({self.region})"

    def is_meant_by(self, parameters: Mapping[str, Any]) -> bool:
        """Whether a release or a rollback with these parameters is of this application here. A
        deployment that names no region means this one."""
        return self._place_of(parameters) == self

    def has_elsewhere(self, parameters: Mapping[str, Any]) -> bool:
        """Whether they are of this application in another target group of this region."""
        found = self._place_of(parameters)
        return found is not None and found != self and self._is_of(found)

    def is_previewed_by(self, parameters: Mapping[str, Any]) -> bool:
        """Whether they make previews of this application in this region, whatever target group
        those are made like."""
        found = self._place_of(parameters)
        return PREVIEW in parameters and found is not None and self._is_of(found)

    def _place_of(self, parameters: Mapping[str, Any]) -> "Place | None":
        known = {x: parameters[x] for x in ("app", "infra") if x in parameters}
        try:
            spec = ReleaseSpec.model_validate(known)
        except ValidationError:
            return None
        return Place(
            app=spec.app.name,
            region=spec.infra.region or self.region,
            target_group=spec.infra.target_group,
        )

    def _is_of(self, other: "Place") -> bool:
        return (other.app, other.region) == (self.app, self.region)


def require_alone(deployments: Iterable[Deployment], place: Place, name: str) -> None:
    """Each release deployment that uses the target group is `name`'s own.

    Raises:
        InputError: another one releases there, this application or another: what serves is also
            its.
    """
    for one in deployments:
        infra = one.parameters.get("infra") or {}
        group = infra.get("target_group") or InfraNames().target_group
        region = infra.get("region") or place.region
        if one.short != name and (group, region) == (place.target_group, place.region):
            raise InputError(
                f"{one.name} releases to target group {place.target_group} as well: what serves is "
                f"also its. Delete that deployment first (`prefect deployment delete {one.name}`), "
                "or give it another target group"
            )


def of_place(deployments: Iterable[Deployment], place: Place) -> list[Deployment]:
    """Its deployments."""
    return [one for one in deployments if place.is_meant_by(one.parameters)]


def is_last(releases: Iterable[Deployment], place: Place) -> bool:
    """Whether no other of these deployments releases the application in this region: then its
    previews go with it."""
    return not any(place.has_elsewhere(one.parameters) for one in releases)


def previews_of(deployments: Iterable[Deployment], place: Place) -> list[Deployment]:
    """Those that make previews of it."""
    return [one for one in deployments if place.is_previewed_by(one.parameters)]


def orphaned(runs: Iterable[Run], place: Place, gone: Collection[str], own: str) -> list[Run]:
    """Its runs that have not ended and whose deployment is `gone` (ids), or was deleted before;
    without the `own` one. Of those that make previews only the ones whose deployment is `gone`."""

    def waits(one: Run) -> bool:
        if place.is_previewed_by(one.parameters):
            return one.deployment in gone
        homeless = not one.deployment or one.deployment in gone
        return homeless and place.is_meant_by(one.parameters)

    return [one for one in runs if one.id != own and not one.final and waits(one)]


def without_applications(
    parameters: Mapping[str, Any], names: Collection[str]
) -> dict[str, Any] | None:
    """A night's parameters without these applications (names of deployments), each of which it
    would miss; None if it names none of them."""
    listed = parameters.get("applications")
    if not isinstance(listed, list | tuple) or not set(listed) & set(names):
        return None
    return {**parameters, "applications": [x for x in listed if x not in names]}


# -- automations, as Prefect's API writes them --

_ACTIONS = ("actions", "actions_on_trigger", "actions_on_resolve")


def without_deployments(
    automation: Mapping[str, Any], gone: Collection[str]
) -> dict[str, Any] | None:
    """An automation that names none of these deployments (ids) any more; None if nothing of it is
    left to do, or nothing could start it."""
    trigger = _without(automation.get("trigger") or {}, {f"prefect.deployment.{x}" for x in gone})
    kept: dict[str, Any] = {
        name: [x for x in automation.get(name) or [] if str(x.get("deployment_id")) not in gone]
        for name in _ACTIONS
    }
    had = any(automation.get(name) for name in _ACTIONS)
    if trigger is None or (had and not any(kept.values())):
        return None
    return {**automation, "trigger": trigger, **kept}


def _without(trigger: Mapping[str, Any], resources: Collection[str]) -> dict[str, Any] | None:
    """A trigger that waits for none of these resources; None if it waits for nothing else."""
    found = dict(trigger)
    for name in ("match", "match_related"):
        if name not in found:
            continue
        specs = found[name] if isinstance(found[name], list) else [found[name]]
        left = [x for one in specs if (x := _narrowed(one or {}, resources)) is not None]
        if specs and not left:
            return None
        found[name] = left if isinstance(found[name], list) else left[0]
    if nested := found.get("triggers"):
        found["triggers"] = [x for one in nested if (x := _without(one, resources)) is not None]
        if not found["triggers"]:
            return None
    return found


def _narrowed(spec: Mapping[str, Any], resources: Collection[str]) -> dict[str, Any] | None:
    found: dict[str, Any] = {}
    for label, value in spec.items():
        if isinstance(value, list):
            left = [x for x in value if x not in resources]
            if value and not left:
                return None
            found[label] = left
        elif value in resources:
            return None
        else:
            found[label] = value
    return found


class Left(Noun):
    """What is gone from Prefect, by names."""

    deployments: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    automations: tuple[str, ...] = ()
    nights: tuple[str, ...] = ()

    def __str__(self) -> str:
        parts = (
            ("deployments deleted, with their schedules", self.deployments),
            ("runs cancelled", self.runs),
            ("automations without them", self.automations),
            ("nights without it", self.nights),
        )
        return "; ".join(f"{what}: {', '.join(names)}" for what, names in parts if names)
