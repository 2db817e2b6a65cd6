"""Writes what an image would get of systemd/ to a folder, for who looks at it by hand."""

import sys
from pathlib import Path

from spotkiln.bake.app import DEFAULTS, App
from spotkiln.bake.units import write_files

SAID = {"name": "demo-web-app", "build": "true", "test": "true", "start": "true", "user": "daemon"}

if __name__ == "__main__":
    write_files(App(**{**DEFAULTS.model_dump(), **SAID}), Path(sys.argv[1]))
