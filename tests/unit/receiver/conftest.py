"""The calls of the receiver are answered by the same stand-in for Prefect's API as the door's."""

from tests.unit.prefect_api.conftest import fake

__all__ = ["fake"]
