"""What steps ask Prefect for is answered by the same stand-in as the door's calls."""

from tests.unit.prefect_api.conftest import fake

__all__ = ["fake"]
