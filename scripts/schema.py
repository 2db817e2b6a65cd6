"""Writes the JSON Schema of spotkiln.yaml, docs/spotkiln.schema.json, from its model."""

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from spotkiln.bake.schema import FILE, schema  # noqa: E402 - found by the path above

if __name__ == "__main__":
    text = json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
    (ROOT / "docs" / FILE).write_text(text)
