"""Evidence: what is saved of a failed fleet before it is taken away."""

from spotkiln.noun import Noun
from spotkiln.target import Instance, Target


class Evidence(Noun):
    """Targets with their reasons, the fleet's history as lines, console output by instance."""

    targets: tuple[Target, ...] = ()
    instances: tuple[Instance, ...] = ()
    history: tuple[str, ...] = ()
    consoles: dict[str, str] = {}  # noqa: RUF012 - pydantic copies defaults
