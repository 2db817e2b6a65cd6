"""The pages of the reference that the code itself tells: made anew with each build of the site."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

INTRODUCTION = (
    "A deployment in `prefect.yaml` gives them. The form in the Prefect UI asks for those alone "
    "that belong to one run. What is left out has its default."
)
KEYS = "<!-- the keys, from their model -->"
ROOT = Path(__file__).resolve().parent.parent
# MkDocs runs this file by its path: our own packages are not beside it.
sys.path.insert(0, str(ROOT))


def _cell(value: object) -> str:
    return re.sub(r"\s+", " ", str(value)).replace("|", "\\|")


def _limits(schema: dict[str, Any]) -> str:
    """The bounds of one parameter in words; empty if there are none."""
    kind = schema.get("type", "")
    parts = [", ".join(map(str, schema["enum"]))] if "enum" in schema else []
    bounds = [schema.get("minimum"), schema.get("maximum")]
    if any(bound is not None for bound in bounds):
        low, high = ("" if bound is None else str(bound) for bound in bounds)
        parts.append(f"{low} to {high}")
    return "; ".join([str(kind), *parts]).strip("; ")


def _default(schema: dict[str, Any]) -> str:
    if "default" not in schema:
        return ""
    return f"`{json.dumps(schema['default'])}`"


def _rows(
    prefix: str, schema: dict[str, Any], definitions: dict[str, Any]
) -> Iterator[tuple[str, str, str, str]]:
    for name, field in schema.get("properties", {}).items():
        reference = field.get("$ref") or next(
            (part["$ref"] for part in field.get("allOf", []) if "$ref" in part), ""
        )
        target = definitions.get(reference.rpartition("/")[2], {})
        if "properties" in target:
            yield from _rows(f"{prefix}{name}.", target, definitions)
            continue
        shown = {**target, **field}
        text = shown.get("description") or shown.get("title", "")
        yield f"{prefix}{name}", _limits(shown), _default(shown), text


def parameters_page() -> str:
    """Every parameter of every flow, as a deployment may give it."""
    from scripts.flow_parameters import schema
    from spotkiln.flows.nightly import nightly
    from spotkiln.flows.preview import preview
    from spotkiln.flows.reconcile import reconcile
    from spotkiln.flows.release import release
    from spotkiln.flows.rollback import rollback
    from spotkiln.flows.run import run

    parts = [
        "# Parameters",
        INTRODUCTION,
    ]
    for flow in (release, rollback, preview, nightly, reconcile, run):
        told = schema(flow)
        rows = _rows("", told, told["definitions"])
        parts += [
            f"## {flow.name}",
            (flow.description or "").partition("\n\nArgs:")[0],
            "| parameter | takes | default | meaning |\n|---|---|---|---|\n"
            + "\n".join(
                f"| `{name}` | {_cell(takes)} | {_cell(default)} | {_cell(text)} |"
                for name, takes, default, text in rows
            ),
        ]
    return "\n\n".join(parts) + "\n"


def keys_table() -> str:
    """Every key of spotkiln.yaml, as its model has it."""
    from spotkiln.bake.app import DEFAULTS
    from spotkiln.bake.keys import FOLLOWS, MAY_BE_NONE
    from spotkiln.bake.schema import schema

    rows = []
    for name, field in schema()["properties"].items():
        default = getattr(DEFAULTS, name)
        untold = "none" if name in MAY_BE_NONE else "must be said or detected"
        shown = untold if default is None else f"`{json.dumps(default)}`"
        shown = f"that of `{FOLLOWS[name]}`" if name in FOLLOWS else shown
        rows.append((f"`{name}`", _limits(field), shown, field["description"]))
        rows += _below(name, field)
    lines = (f"| {' | '.join(map(_cell, cells))} |" for cells in rows)
    return "\n".join(["| key | takes | default | meaning |", "|---|---|---|---|", *lines])


def _below(name: str, field: dict[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """The keys behind each name, of a key that has named ones."""
    named = field.get("additionalProperties", {})
    if not isinstance(named, dict):
        return
    for key, one in named.get("properties", {}).items():
        must = "must be said" if key in named.get("required", ()) else "none"
        yield f"`{name}.NAME.{key}`", _limits(one), _default(one) or must, one["description"]


def sandbox_page() -> str:
    return (ROOT / "sandbox" / "README.md").read_text()


PAGES = {"reference/parameters.md": parameters_page, "reference/sandbox.md": sandbox_page}


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """MkDocs' own hook: a part of a page that the model tells."""
    del page, config, files
    return markdown.replace(KEYS, keys_table())


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """MkDocs' own hook: adds the pages that are no files."""
    for name, page in PAGES.items():
        files.append(File.generated(config, name, content=page()))
    return files
