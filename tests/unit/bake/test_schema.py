"""The published JSON Schema: what the model says, as editors read it."""

import json
import re

import jsonschema
import pytest
import yaml

from spotkiln.bake.description import Description
from spotkiln.bake.manifest import read_manifest
from spotkiln.bake.schema import FILE, schema
from tests.unit.nouns import ROOT

PUBLISHED = ROOT / "docs" / FILE


def test_what_is_published_is_what_the_model_says() -> None:
    written = "write it anew: .venv/bin/python scripts/schema.py"
    assert json.loads(PUBLISHED.read_text()) == schema(), written


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    assert schema()["properties"].keys() == Description.model_fields.keys()
    assert all(one["description"].endswith(".") for one in schema()["properties"].values())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "build: |\n  a\n  b\nport: 8080\nnotify: no\n",
        "start: NODE_ENV=production node server.js\nmigrate: a && b\n",
        'writable: [tmp, .next/cache]\nsmoke: [/, "/a?b=1"]\nport: 80\nhealth_port: 81\n',
        "environment: {A: x}\ndepends_on: [packages/ui]\nhealth_path: /up?full=1\n",
    ],
)
def test_what_it_takes(text: str) -> None:
    jsonschema.validate(yaml.safe_load(text), schema())


@pytest.mark.parametrize(
    "text",
    [
        "strat: x",
        "port: 0",
        "smoke: [products]",
        "smoke: /",
        "writable: [/tmp]",
        "mounts: [a/../b]",
        "port: '8080'",
        "build:",
        "start: cd web && node server.js",
        'start: ""',
        "migrate: |\n  a\n  b\n",
        "environment: {A: 1}",
        "environment: {A-B: x}",
        "depends_on: packages",
        "health_path: up",
        "user: Root",
        "- a",
    ],
)
def test_what_it_refuses(text: str) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(yaml.safe_load(text), schema())


def test_the_example_is_right() -> None:
    text = (ROOT / "examples" / "dice" / "spotkiln.yaml").read_text()
    jsonschema.validate(yaml.safe_load(text), schema())
    assert text.partition("\n")[2] in (ROOT / "docs" / "applications.md").read_text()


def test_the_reference_has_every_key() -> None:
    """Its table is made when the site is built, from the same model."""
    page = (ROOT / "docs" / "spotkiln-yaml.md").read_text()
    assert "<!-- the keys, from their model -->" in (ROOT / "scripts" / "docs_hook.py").read_text()
    assert "<!-- the keys, from their model -->" in page
    example = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert [read_manifest(one.encode()).port for one in example] == [8080]
