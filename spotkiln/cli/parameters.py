"""A step of `prefect deploy`: what prefect.yaml gives to flows must be what they take.

Prefect itself looks only at what the form shows. It would store a password in a URL, and a
misspelt key would be found out by the first run.
"""

import inspect
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from prefect import Flow
from prefect.flows import load_flow_from_entrypoint
from pydantic import TypeAdapter, ValidationError

from spotkiln.cli.output import Exit, show
from spotkiln.errors import InputError


@cache
def refuse_wrong(file: str = "prefect.yaml") -> dict[str, str]:
    """The step. It refuses the whole file, before anything of it is stored.

    Raises:
        InputError: a deployment gives its flow what the flow does not take.
    """
    _refuse(file, yaml.safe_load(Path(file).read_text())["deployments"])
    return {}


def check(file: Path, *, as_json: bool) -> int:
    """The same for whoever asks without a Prefect server.

    Raises:
        InputError: as above, or it is no such file.
    """
    try:
        given = yaml.safe_load(file.read_text())["deployments"]
        names = [one["name"] for one in given if "entrypoint" in one]
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError) as error:
        raise InputError(
            f"expected the `deployments` of a prefect.yaml in {file}, or the folder of an "
            f"application: {error}"
        ) from error
    _refuse(str(file), given)
    told = f"{file} is right: {len(names)} deployments give their flows what these take"
    show({"file": str(file), "deployments": names}, told, as_json=as_json)
    return Exit.OK


def _refuse(file: str, given: Iterable[Mapping[str, Any]]) -> None:
    wrong = [f"{one['name']}: {why}" for one in given for why in objections(one)]
    if wrong:
        raise InputError(f"{file}: {'; '.join(wrong)}. Mend it, and deploy again")


def objections(stanza: Mapping[str, Any]) -> list[str]:
    """Why the runs of this deployment would be refused. What is missing may be a run's to give, and
    what Prefect fills in when it deploys is not known here."""
    given: Mapping[str, Any] = stanza.get("parameters") or {}
    if not given:
        return []
    flow, taken = _flow(stanza["entrypoint"])
    return [
        why
        for name, value in given.items()
        for why in (
            _wrong(name, value, taken[name].annotation)
            if name in taken
            else [f"{flow} has no parameter {name}; there are: {', '.join(taken)}"]
        )
    ]


@cache
def _flow(entrypoint: str) -> tuple[str, Mapping[str, inspect.Parameter]]:
    """Its name and its parameters, of the file that Prefect will load it from."""
    flow: Flow[..., Any] = load_flow_from_entrypoint(entrypoint)
    return flow.name, inspect.signature(flow.fn).parameters


def _wrong(name: str, value: object, kind: Any) -> list[str]:
    """What is wrong with a value, without the value: it may be a secret in the wrong place."""
    if any("{{" in one for one in _texts(value)):
        return []
    try:
        TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        return [
            f"{'.'.join(map(str, (name, *one['loc'])))}: {one['msg'].removeprefix('Value error, ')}"
            for one in error.errors(include_input=False)
        ]
    return []


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
