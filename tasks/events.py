"""Tell Prefect's event feed what happens to an application."""

import logging

from prefect.events import emit_event

from spotkiln.release.event import Event, event_of
from spotkiln.release.release import Release
from spotkiln.tasks.step import say


def announce(release: Release, *, started: bool = False) -> None:
    """Tell that a release has started, or how it ended."""
    emit(event_of(release, started=started))


def emit(event: Event) -> None:
    """Send an event; another thread does it, and names the flow run with it. If Prefect cannot be
    told, the release goes on."""
    try:
        emit_event(event=event.name, resource=event.resource, payload=dict(event.payload))
    except Exception as error:  # noqa: BLE001
        say(f"could not announce the event: {error}", logging.WARNING)
