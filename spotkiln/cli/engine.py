"""A run's process: Prefect's engine, in a session of its own.

So Ctrl-C in the worker's terminal reaches only the worker, which lets its runs end.
"""

import os
import runpy
import sys

from spotkiln.garbage import collect_seldom

os.setsid()
collect_seldom()
try:
    runpy.run_module("prefect.engine", run_name="__main__", alter_sys=True)
finally:
    # It is loaded only if the flow can be suspended.
    if leaving := sys.modules.get("spotkiln.tasks.release.leaving"):
        leaving.tell_suspended()
