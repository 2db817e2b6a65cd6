"""As tests/cli has it: deployments that a worker runs."""

from tests.cli.conftest import command, world

__all__ = ["command", "world"]
