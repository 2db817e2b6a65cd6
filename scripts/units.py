"""Writes what an image would get of systemd/ to a folder, for who looks at it by hand."""

import sys
from pathlib import Path

from spotkiln.bake.app import AppSpec
from spotkiln.bake.detect.detected import Detected
from spotkiln.bake.precedence import settle
from spotkiln.bake.units import write_files

SAID = {"build": "true", "test": "true", "start": "true", "user": "daemon"}

if __name__ == "__main__":
    asked = AppSpec(name="demo-web-app", repository=".", **SAID)
    write_files(settle(asked, None, Detected()).app, Path(sys.argv[1]))
