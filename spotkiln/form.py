"""Form: the flows' parameters by the titles that they have in the Prefect UI.

Left to itself it shows a parameter's identifier; what a schema says of its own title wins.
"""

from typing import Annotated

from pydantic import Field
from pydantic.fields import FieldInfo

from spotkiln import release
from spotkiln.app import App
from spotkiln.fleet import FleetSpec
from spotkiln.gate import GatePolicy
from spotkiln.infra import InfraNames


def _titled(title: str) -> FieldInfo:
    field: FieldInfo = Field(json_schema_extra={"title": title})
    return field


Application = Annotated[App, _titled("Application")]
Fleet = Annotated[FleetSpec, _titled("Fleet")]
Infrastructure = Annotated[InfraNames, _titled("Infrastructure")]
Build = Annotated[release.BuildSettings, _titled("Build")]
Gate = Annotated[GatePolicy, _titled("Health gate")]
# The model's own name, as a title, would be left out of the schema.
Approval = Annotated[release.Approval, _titled("Approval by a person")]
Force = Annotated[bool, _titled("Release again")]
KeepRejected = Annotated[bool, _titled("Keep a rejected image")]
Versions = Annotated[release.Versions, _titled("Versions kept")]
Version = Annotated[str, _titled("Version")]
