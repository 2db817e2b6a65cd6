"""Wanted: what a deployment names in its account, so that the sandbox can have it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sandbox.infrastructure import Group, Profile
from spotkiln.bake.app import DEFAULTS, AppSpec
from spotkiln.bake.inside import look_inside
from spotkiln.bake.place import look_at
from spotkiln.errors import InputError
from spotkiln.release.release import ReleaseSpec

KEYS = ("port", "health_path", "health_port")


@dataclass(frozen=True)
class Wanted:
    """`guessed`: nobody says where the application listens, so the group has the defaults."""

    group: Group
    profiles: tuple[Profile, ...]
    security_groups: tuple[str, ...]
    guessed: bool = False


def _folder(app: AppSpec, root: Path) -> Path | None:
    """Where the application lies on this machine; None if it is elsewhere."""
    if "://" in app.repository or "@" in app.repository.partition("/")[0]:
        return None
    folder = root / Path(app.repository).expanduser() / app.folder
    return folder if folder.is_dir() else None


def _inside(folder: Path) -> tuple[dict[str, Any], bool]:
    """What the application's own files say of where it listens; and whether they say it."""
    place = look_at(folder)
    inside = look_inside(place.path, place.names, place.prefix)
    found: dict[str, Any] = {}
    for key in KEYS:
        if inside.description is not None and getattr(inside.description, key) is not None:
            found[key] = getattr(inside.description, key)
        elif (one := inside.detected.find(key)) is not None:
            found[key] = one.value
    return found, True


def listens(app: AppSpec, root: Path) -> tuple[dict[str, Any], bool]:
    """Port, path and port of health, as a release takes them: from the deployment, from the
    application's files if they are on this machine, or by default; and whether it is known. What
    cannot be read is told by the release."""
    own: dict[str, Any] = {}
    known = False
    if folder := _folder(app, root):
        try:
            own, known = _inside(folder)
        except (InputError, OSError):
            own, known = {}, False
    asked = {key: getattr(app, key) for key in KEYS if getattr(app, key) is not None}
    found = {**{key: getattr(DEFAULTS, key) for key in KEYS}, **own, **asked}
    return found, known or "port" in asked


def _profile(name: str, parameters: Iterable[str], secrets: Iterable[str]) -> Profile:
    return Profile(name, tuple(sorted(parameters)), tuple(sorted(secrets)))


def wanted(parameters: Mapping[str, Any], root: Path) -> Wanted | None:
    """Of a deployment's parameters; None if they are no release's, which the release tells itself.
    A repository on this machine is named from `root`."""
    known = {key: parameters[key] for key in ReleaseSpec.model_fields if key in parameters}
    try:
        spec = ReleaseSpec.model_validate(known)
    except ValidationError:
        return None
    app, is_known = listens(spec.app, root)
    health = app["health_port"] if app["health_port"] != app["port"] else None
    infra, tests = spec.infra, spec.test_configuration
    profiles = [
        _profile(infra.instance_profile, spec.configuration.parameters, spec.configuration.secrets),
        _profile(infra.test_instance_profile, tests.parameters, tests.secrets),
    ]
    return Wanted(
        group=Group(infra.target_group, app["port"], app["health_path"], health or 0),
        profiles=tuple(one for one in profiles if one.name),
        security_groups=(*infra.security_groups, *infra.test_security_groups),
        guessed=not is_known,
    )


def joined(profiles: Iterable[Profile]) -> list[Profile]:
    """One of each name, which may read all that any of them may."""
    found: dict[str, Profile] = {}
    for one in profiles:
        known = found.get(one.name, one)
        found[one.name] = replace(
            one,
            parameters=tuple(sorted({*known.parameters, *one.parameters})),
            secrets=tuple(sorted({*known.secrets, *one.secrets})),
        )
    return list(found.values())
