"""A release's run from its beginning to its end, whatever that is."""

from collections.abc import Iterator
from contextlib import contextmanager

from prefect.exceptions import Pause

from spotkiln.errors import GaveWay, LeftBehind, SpotkilnError
from spotkiln.prefect_api.connection import one_connection
from spotkiln.release.release import EndsEarly, ReleaseSpec
from spotkiln.tasks.release.run import ReleaseRun


@contextmanager
def recorded(spec: ReleaseSpec) -> Iterator[ReleaseRun]:
    """A release's run. What its book tells is published whatever happens.

    A block that ends early, gives way to another release or fails with an error of ours goes on
    behind the block: `state` is what the flow returns.
    """
    with one_connection(), _recorded(ReleaseRun(spec)) as run:
        yield run


@contextmanager
def _recorded(run: ReleaseRun) -> Iterator[ReleaseRun]:
    try:
        try:
            yield run
        except (EndsEarly, GaveWay) as early:
            run.note_ending(early)
        run.end()
    except Pause:
        # The run is suspended until it is answered: it has neither failed nor ended.
        raise
    except LeftBehind as error:
        run.fail(error)
    except SpotkilnError as error:
        run.note_ending(error)
        run.end(error)
        run.fail(error)
    except BaseException as error:
        run.note_ending(error)
        run.end(error)
        raise
    finally:
        run.leave()
