"""Python's garbage collector, in programs that read hundreds of modules."""

import gc

# By default it looks after 700 new objects. While Prefect is imported nothing is garbage, and to
# find that out again and again was a sixth of the time in which a command or a run starts.
NEW_OBJECTS = 50_000


def collect_seldom() -> None:
    """From now on garbage is looked for after many new objects. It is a few megabytes at most."""
    gc.set_threshold(NEW_OBJECTS)
