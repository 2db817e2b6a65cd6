"""Other settings of Prefect's for a while."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from prefect.context import SettingsContext, get_settings_context
from pydantic import BaseModel


def changed(settings: Any, changes: Mapping[str, Any]) -> Any:
    """A copy. `changes` by field; of a field that has fields itself, again by field."""
    return settings.model_copy(
        update={
            name: changed(old, value)
            if isinstance(old := getattr(settings, name), BaseModel)
            else value
            for name, value in changes.items()
        }
    )


@contextmanager
def prefect_settings(**changes: Any) -> Iterator[None]:
    """As Prefect's `temporary_settings`. That one reads the whole environment and all files of
    settings anew: a twentieth of a second, more than most tests take."""
    context = get_settings_context()
    settings = changed(context.settings, changes)
    with SettingsContext(profile=context.profile, settings=settings):
        yield
