"""What a release looks at before anything costs money, as its steps do it, without a run."""

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from spotkiln.aws.bake.look_up import look_up_infra
from spotkiln.bake.checkout import check_out
from spotkiln.bake.configuration import require_names
from spotkiln.errors import SpotkilnError
from spotkiln.release.release import ReleaseSpec
from tests.release.life import aws_of
from tests.reliability.world import World


def why_not(world: World, folder: Path, given: dict[str, Any]) -> str:
    """The error of a release with these parameters, which has made nothing until then; empty:
    nothing is wrong. `folder` is for the commit's files."""
    before = world.box.inventory()
    world.box.clear_calls()
    error = ""
    with aws_of(world.box.environment):
        try:
            spec = ReleaseSpec.model_validate(given)
            infra = look_up_infra(spec, None, print)
            source = check_out(spec.app, infra, folder / "source", print)
            require_names(source.app.config, infra.configuration)
        except (SpotkilnError, ValidationError) as caught:
            error = str(caught)
    assert [x["operation"] for x in world.box.calls() if x["mutating"] and not x["error"]] == []
    assert world.box.inventory() == before
    return error
