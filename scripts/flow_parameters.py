"""What a deployment may give a flow: its form in the Prefect UI shows a part of it."""

import inspect
from typing import Annotated, Any, get_args, get_origin

from prefect import Flow
from prefect.utilities.callables import generate_parameter_schema, parameter_docstrings

from spotkiln.start.form import OF_DEPLOYMENT


def schema(flow: Flow[..., Any]) -> dict[str, Any]:
    """Of all parameters that the flow uses, as Prefect would have it if its form showed them."""
    found = inspect.signature(flow.fn)
    shown = found.replace(parameters=[_shown(one) for one in found.parameters.values()])
    described = parameter_docstrings(inspect.getdoc(flow.fn) or "")
    told: dict[str, Any] = generate_parameter_schema(shown, described).model_dump()
    return told


def _shown(parameter: inspect.Parameter) -> inspect.Parameter:
    """The same as a form would show it. One of any kind is taken and not used: nobody needs it."""
    if get_origin(parameter.annotation) is not Annotated:
        return parameter
    kind, *more = get_args(parameter.annotation)
    if kind is Any:
        return parameter
    kept = [one for one in more if one is not OF_DEPLOYMENT]
    return parameter.replace(annotation=Annotated[(kind, *kept)] if kept else kind)
