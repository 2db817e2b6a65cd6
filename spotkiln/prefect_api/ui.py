"""Where Prefect's UI is."""

from prefect.settings import get_current_settings

from spotkiln.start.ui import newer


def address() -> str:
    """Of the interface that opens by default, without a slash at its end; empty if Prefect knows of
    none."""
    settings = get_current_settings()
    base = (settings.ui_url or "").rstrip("/")
    return newer(base) if base and settings.server.ui.v2_enabled else base
