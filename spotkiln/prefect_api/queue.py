"""Work queues in Prefect."""

from spotkiln.errors import PrefectRefused
from spotkiln.prefect_api.connection import Api


async def make(api: Api, pool: str, name: str) -> None:
    """A queue of a work pool, unless it is there.

    Raises:
        NotInPrefect: there is no such pool.
    """
    try:
        await api.ask(
            f"make the queue {name} of pool {pool}",
            lambda client: client.create_work_queue(name=name, work_pool_name=pool),
        )
    except PrefectRefused as error:
        if not error.exists:
            raise
