"""A run's process: Prefect's engine, in a session of its own.

So Ctrl-C in the worker's terminal is for the worker alone, which lets its runs end.
"""

import os
import runpy
import sys

os.setsid()
try:
    runpy.run_module("prefect.engine", run_name="__main__", alter_sys=True)
finally:
    # Only a flow that may ask has loaded it.
    if approval := sys.modules.get("spotkiln.tasks.release.approval"):
        approval.tell_suspended()
