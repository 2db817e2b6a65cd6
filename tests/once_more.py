"""The tests that have just failed, once more: alone, one after the other.

Thousands of tests that run side by side for an hour meet every stall of a small machine, and one of
them that gave up waiting would make the whole run worthless. What fails alone too is a fault. What
passes then is told by name: it may be a time limit, and it may be two tests, or two requests, in
each other's way, which somebody should look at.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
# Kept by pytest, over several runs of it: whatever failed and did not pass later.
FAILED = ROOT / ".pytest_cache" / "v" / "cache" / "lastfailed"
# More than these are no accident.
MOST = 6


def failed() -> list[str]:
    """Ids of tests, of a file that could not be read the file's name."""
    return sorted(json.loads(FAILED.read_text())) if FAILED.exists() else []


def worth(tests: Sequence[str]) -> bool:
    """Whether to run them again. A file that could not be read can't have met a stall."""
    return 0 < len(tests) <= MOST and all("::" in one for one in tests)


def told(tests: Sequence[str], again: Sequence[str]) -> list[str]:
    """What a person reads at the end. `again`: those of the tests that failed alone too."""
    passed = [one for one in tests if one not in again]
    head = [f"{len(passed)} of the tests that failed passed when they ran alone. Look at them:"]
    return [*(head if passed else []), *passed, *(f"failed twice: {one}" for one in again)]


def main() -> int:
    """0 if all of them passed."""
    tests = failed()
    if not worth(tests):
        print(f"{len(tests)} tests failed: not run again, for at most {MOST} are")
        return 1
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", *tests]
    code = subprocess.run(command, cwd=ROOT, check=False).returncode
    print("\n".join(told(tests, failed())))
    # Not all that ends a run is a test: pytest itself may have failed.
    return code


if __name__ == "__main__":
    sys.exit(main())
