"""Which pushes start a deployment, as far as `spotkiln doctor` and `prefect deploy` can tell."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from spotkiln.errors import InputError
from spotkiln.moment import utc
from spotkiln.prefect_api import event, variable
from spotkiln.prefect_api.connection import ask
from spotkiln.prefect_api.event import Happened
from spotkiln.start.deployment import RELEASE, Deployment
from spotkiln.start.hooks import NOT_STARTED, VARIABLE, Hooks
from spotkiln.start.push import Listener, Subscription
from spotkiln.start.repository import host_of, ssh_host
from spotkiln.start.ssh import real_name

# How far back doctor looks for pushes that started nothing.
DAYS = 7


def listener(name: str, tags: Iterable[str], app: dict[str, Any], ident: str = "") -> Listener:
    """
    Raises:
        InputError: it has tags push:… that nobody knows.
    """
    host = ssh_host(str(app.get("repository", "")))
    names = {host: real_name(host)} if host else {}
    return Listener(id=ident, name=name, to=Subscription.from_tags(tags), app=app, names=names)


def receiver() -> tuple[Hooks, datetime] | None:
    """How the receiver is set up and since when, as it told Prefect; None if none ever did."""
    found = ask(variable.read, VARIABLE)
    if found is None:
        return None
    return Hooks.model_validate(found.value), found.updated or datetime.now(UTC)


def _missed(deployment: Deployment, since: datetime) -> list[Happened]:
    """What the receiver told of pushes that did not start it."""
    related = f"prefect.deployment.{deployment.id}"
    return ask(event.about, NOT_STARTED, related=related, since=since)


def pushes(deployment: Deployment) -> str:
    """What it listens to.

    Raises:
        InputError: no push starts it, or one did not that may have been meant to.
    """
    one = listener(
        deployment.name, deployment.tags, deployment.parameters.get("app", {}), str(deployment.id)
    )
    if not one.to.listens:
        return "none: it has no tag push:branch or push:tag"
    found = receiver()
    if found is None:
        raise InputError(
            "no receiver has told Prefect of itself yet: `spotkiln docs push` starts one"
        )
    hooks, told = found
    since = max(told, datetime.now(UTC) - timedelta(days=DAYS))
    missed = [x for x in _missed(deployment, since) if _would_miss_again(one, x)]
    if missed:
        latest = max(missed, key=lambda one: one.occurred)
        raise InputError(f"{utc(latest.occurred)}: {latest.payload['reason']}")
    if objection := one.objection(hooks):
        raise InputError(objection)
    return ", ".join(one.to.branches + tuple(f"tag {x}" for x in one.to.tags))


def _would_miss_again(one: Listener, missed: Happened) -> bool:
    """Whether the push would not start it today either: its address has not been mended since."""
    same = missed.payload.get("repository") == one.repositories[0]
    return same and missed.resource not in one.repositories


def _served(one: Listener, hooks: Hooks) -> bool:
    """Whether some secret signs for the host of its repository, as far as this machine knows.
    Without a receiver none does, and only the receiver may know what an alias stands for."""
    return any(hooks.speakers(host_of(name)) for name in one.repositories)


@cache
def refuse_unbound(file: str = "prefect.yaml") -> dict[str, str]:
    """A step of `prefect deploy`. It refuses the whole file while one of its deployments listens to
    pushes and does not say whose secret signs them, or has a misspelt tag `push:…`.

    Raises:
        InputError: one does.
    """
    given = yaml.safe_load(Path(file).read_text())["deployments"]
    listening = [
        listener(f"{RELEASE}/{x['name']}", x.get("tags") or (), (x["parameters"] or {})["app"])
        for x in given
        if "app" in (x.get("parameters") or {})
    ]
    found = receiver()
    hooks = found[0] if found else Hooks()
    refused = [
        f"{one.name}: {objection}"
        for one in listening
        if one.to.listens and _served(one, hooks) and (objection := one.objection(hooks))
    ]
    if refused:
        raise InputError("; ".join(refused))
    return {}
