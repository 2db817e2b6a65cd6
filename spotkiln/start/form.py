"""Form: the flows' parameters, and what the form in the Prefect UI shows of them.

The form asks for what belongs to one run. All else is the deployment's (prefect.yaml): it is no
part of the schema that the form is made from, and the flow itself checks it when it begins.

Prefect folds nothing: each field of a schema is shown, in the order of the flow's parameters,
under its title. Without a title it shows the parameter's identifier.
"""

from typing import Annotated, Any

from pydantic import AfterValidator, Field, GetJsonSchemaHandler
from pydantic.config import JsonDict
from pydantic.fields import FieldInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticOmit

from spotkiln.bake import builder
from spotkiln.bake.app import AppSpec
from spotkiln.bake.base import BaseSpec
from spotkiln.bake.configuration import Configuration
from spotkiln.bake.gitref import REF, REF_IN_WORDS, checked_ref
from spotkiln.bake.infra_names import GROUP_NAME, GROUP_NAME_IN_WORDS, InfraNames
from spotkiln.keep import preview, upkeep
from spotkiln.keep.takedown import Old
from spotkiln.keep.versions import WANTED, WANTED_IN_WORDS
from spotkiln.noun import expected_in_words, refused_in_words
from spotkiln.release import (
    command,
    freeze,
    hook,
    on_commit,
    release,
    unhealthy,
    vulnerabilities,
)
from spotkiln.serve import stepping, traffic
from spotkiln.serve.gate import GatePolicy
from spotkiln.serve.spec import FleetSpec
from spotkiln.start import night, quiet
from spotkiln.start.deployment import NAME, NAME_IN_WORDS, RELEASE


def _asked(title: str, more: JsonDict | None = None) -> FieldInfo:
    """A field of the form."""
    field: FieldInfo = Field(json_schema_extra={"title": title, **(more or {})})
    return field


class OfDeployment:
    """Marks what no form shows."""

    def __get_pydantic_json_schema__(
        self, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        raise PydanticOmit


OF_DEPLOYMENT = OfDeployment()

Application = Annotated[AppSpec, OF_DEPLOYMENT]
Fleet = Annotated[FleetSpec, OF_DEPLOYMENT]
Infrastructure = Annotated[InfraNames, OF_DEPLOYMENT]
Build = Annotated[builder.BuildSettings, OF_DEPLOYMENT]
Gate = Annotated[GatePolicy, OF_DEPLOYMENT]
Traffic = Annotated[traffic.Traffic, OF_DEPLOYMENT]
Settings = Annotated[Configuration, OF_DEPLOYMENT]
Approval = Annotated[release.Approval, OF_DEPLOYMENT]
KeepRejected = Annotated[bool, OF_DEPLOYMENT]
Versions = Annotated[release.Versions, OF_DEPLOYMENT]
Images = Annotated[upkeep.Images, OF_DEPLOYMENT]
Freeze = Annotated[freeze.Windows, OF_DEPLOYMENT]
OnCommit = Annotated[on_commit.OnCommit, OF_DEPLOYMENT]
Hooks = Annotated[hook.Hooks, OF_DEPLOYMENT]
Vulnerabilities = Annotated[vulnerabilities.Vulnerabilities, OF_DEPLOYMENT]
# A release's, in a rollback's deployment that has the same parameters: Prefect refuses a run for a
# parameter that its flow does not name. No value of it is wrong.
OfRelease = Annotated[Any, OF_DEPLOYMENT]

Commit = Annotated[
    str, AfterValidator(checked_ref), _asked("Commit", refused_in_words(REF, REF_IN_WORDS))
]
Why = Annotated[release.Why, _asked("Why")]
Force = Annotated[bool, _asked("Release again")]
EvenIfHeld = Annotated[bool, _asked("Release even if held")]
BreakGlass = Annotated[
    freeze.BreakGlass,
    _asked(
        "Release in a freeze",
        refused_in_words(freeze.BREAK_GLASS, freeze.BREAK_GLASS_IN_WORDS),
    ),
]

_RELEASED = AfterValidator(lambda name: name.removeprefix(f"{RELEASE}/"))
_NAMED = expected_in_words({"pattern": NAME}, NAME_IN_WORDS)
DeploymentName = Annotated[str, _RELEASED, _asked("Deployment", _NAMED)]
OldVersions = Annotated[Old, _asked("Versions that served")]
Confirm = Annotated[str, _RELEASED, _asked("The deployment's name once more", _NAMED)]
LastServers = Annotated[bool, _asked("The last servers may go")]

Steer = Annotated[stepping.Steer, _asked("What it is to do")]

Preview = Annotated[preview.Template, OF_DEPLOYMENT]
Branch = Annotated[preview.Branch, _asked("Branch")]
Remove = Annotated[bool, _asked("Remove")]

Version = Annotated[str, _asked("Version", refused_in_words(WANTED, WANTED_IN_WORDS))]
TakeTurn = Annotated[bool, _asked("Take the turn")]

Its = Annotated[InfraNames | None, OF_DEPLOYMENT]
OfIts = Annotated[str, OF_DEPLOYMENT]
Name = Annotated[str, _RELEASED, _asked("Application", _NAMED)]
Command = Annotated[
    tuple[str, ...],
    _asked(
        "Command and its arguments",
        expected_in_words(command.PROGRAM_FIRST, command.PROGRAM_FIRST_IN_WORDS),
    ),
]
Seconds = Annotated[
    int, _asked("Limit (s)"), Field(ge=command.LEAST_SECONDS, le=command.MOST_SECONDS)
]

Base = Annotated[BaseSpec, OF_DEPLOYMENT]
Builder = Annotated[builder.Builder, OF_DEPLOYMENT]
SideBySide = Annotated[night.SideBySide, OF_DEPLOYMENT]
Switch = Annotated[str, OF_DEPLOYMENT]
EvenIfUnchanged = Annotated[bool, _asked("Release even if nothing has changed")]
Applications = Annotated[tuple[str, ...], _asked("Applications")]
QuietHours = Annotated[quiet.QuietText, _asked("Quiet hours", quiet.schema())]

DryRun = Annotated[bool, _asked("Dry run")]
TargetGroup = Annotated[
    str, _asked("Target group", refused_in_words(GROUP_NAME, GROUP_NAME_IN_WORDS))
]
Region = Annotated[str, OF_DEPLOYMENT]
Unhealthy = Annotated[unhealthy.Patience, OF_DEPLOYMENT]
