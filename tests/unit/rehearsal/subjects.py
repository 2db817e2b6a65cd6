"""An application, and what was seen of it."""

from rehearsal.seen import Seen
from spotkiln.bake.app import App, AppSpec
from spotkiln.bake.description import Description
from spotkiln.bake.detect.detected import Detected
from spotkiln.bake.precedence import settle

APP: App = settle(
    AppSpec(name="shop", repository="."),
    Description(build="", test="true", start="puma"),
    Detected(),
).app


def seen(**given: object) -> Seen:
    return Seen.model_validate({"app": APP, **given})
