"""Renders units from systemd/, as the provisioning script does inside an image."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RENDER = ROOT / "systemd" / "render.sh"

VALUES = {
    "APP": "demo-web-app",
    "APP_USER": "webapp",
    "FOLDER": "/srv/demo-web-app",
    "PORT": "3000",
    "TYPE": "notify",
    "MIGRATE_SECONDS": "600",
    "START_SECONDS": "90",
    "STOP_SECONDS": "70",
    "HARDENING": "standard",
    "WRITABLE": "log tmp tmp/pids .next/cache",
    "START_COMMAND": "bundle exec puma -C config/puma.rb",
    "MIGRATE_COMMAND": "bundle exec rails db:migrate",
}


def render(folder: Path, **values: str) -> subprocess.CompletedProcess[str]:
    """Runs render.sh into `folder` with VALUES, changed by `values`."""
    return subprocess.run(
        ["bash", str(RENDER), str(folder)],
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **VALUES, **values},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
