"""Form: the flows' parameters, with the titles that the Prefect UI shows for them.

Without a title the UI shows a parameter's identifier. The title of a schema goes before a field's.
"""

from typing import Annotated, Any

from pydantic import Field
from pydantic.fields import FieldInfo
from pydantic.json_schema import SkipJsonSchema

from spotkiln.bake import builder
from spotkiln.bake.app import AppSpec
from spotkiln.bake.base import BaseSpec
from spotkiln.bake.configuration import Configuration
from spotkiln.bake.infra import InfraNames
from spotkiln.keep.takedown import Old
from spotkiln.release import command, freeze, on_commit, release, unhealthy
from spotkiln.serve.gate import GatePolicy
from spotkiln.serve.spec import FleetSpec
from spotkiln.start import night
from spotkiln.start.quiet import QuietText


def _titled(title: str) -> FieldInfo:
    field: FieldInfo = Field(json_schema_extra={"title": title})
    return field


Application = Annotated[AppSpec, _titled("Application")]
Fleet = Annotated[FleetSpec, _titled("Fleet")]
Infrastructure = Annotated[InfraNames, _titled("Infrastructure")]
Build = Annotated[builder.BuildSettings, _titled("Build")]
Gate = Annotated[GatePolicy, _titled("Health gate")]
Settings = Annotated[Configuration, _titled("Settings and secrets")]
TestSettings = Annotated[Configuration, _titled("Settings and secrets of the tests")]
# The model's own name, as a title, would be left out of the schema.
Approval = Annotated[release.Approval, _titled("Approval by a person")]
Force = Annotated[bool, _titled("Release again")]
EvenIfHeld = Annotated[bool, _titled("Release even if held")]
KeepRejected = Annotated[bool, _titled("Keep a rejected image")]
# The environment's, and not a form's to change.
Freeze = Annotated[freeze.Windows, SkipJsonSchema()]
OnCommit = Annotated[on_commit.OnCommit, SkipJsonSchema()]
BreakGlass = Annotated[freeze.BreakGlass, _titled("Release in a freeze")]
Versions = Annotated[release.Versions, _titled("Versions kept")]
Version = Annotated[str, _titled("Version")]
Name = Annotated[str, _titled("Application")]
Command = Annotated[tuple[str, ...], _titled("Command and its arguments")]
Seconds = Annotated[
    int, _titled("Limit (s)"), Field(ge=command.LEAST_SECONDS, le=command.MOST_SECONDS)
]
TakeTurn = Annotated[bool, _titled("Take the turn")]
# A release's, in a rollback's deployment that has the same parameters: Prefect refuses a run for a
# parameter that its flow does not name. No form shows it, and no value of it is wrong.
OfRelease = Annotated[Any, SkipJsonSchema()]

Base = Annotated[BaseSpec, _titled("Base image")]
Builder = Annotated[builder.Builder, _titled("The machine that bakes")]
Applications = Annotated[tuple[str, ...], _titled("Applications")]
SideBySide = Annotated[night.SideBySide, _titled("Side by side")]
QuietHours = Annotated[QuietText, _titled("Quiet hours")]
Switch = Annotated[str, _titled("Off switch")]
EvenIfUnchanged = Annotated[bool, _titled("Release even if nothing has changed")]

DeploymentName = Annotated[str, _titled("Deployment")]
OldVersions = Annotated[Old, _titled("Versions that served")]
Confirm = Annotated[str, _titled("The deployment's name once more")]
LastServers = Annotated[bool, _titled("The last servers may go")]

Region = Annotated[str, _titled("Region")]
TargetGroup = Annotated[str, _titled("Target group")]
Unhealthy = Annotated[unhealthy.Patience, _titled("Unhealthy for (s)")]
DryRun = Annotated[bool, _titled("Dry run")]
