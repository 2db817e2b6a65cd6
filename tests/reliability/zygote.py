"""Runs flows as processes of their own, forked from one that has imported everything already.

Importing Prefect takes seconds, a matrix has hundreds of cases. The parent has no threads and no
connections, so a fork of it is as good as a fresh process; each gets a session of its own and can
be killed as a group, as a worker's flow process can.

Reads a JSON order a line on stdin: {"id", "flow", "parameters", "folder", "speed"}; answers
{"id", "pid"} and, when the process has ended, {"id", "code"}. The process leaves `run` (the flow
run's id), `log` and `result.json` in its folder.
"""

import gc
import importlib
import json
import os
import select
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from spotkiln.garbage import collect_seldom

POLL_SECONDS = 0.02
# In the sandbox's seconds, as all of the product's waits.
RETRY_DELAYS = [2.0, 10.0]


def main() -> int:
    speed = float(sys.argv[1])
    # As the product's own processes, see spotkiln/cli/engine.py.
    collect_seldom()
    import spotkiln.tasks.step

    # Prefect sleeps itself between tries, by its own clock.
    spotkiln.tasks.step.STEP["retry_delay_seconds"] = [seconds / speed for seconds in RETRY_DELAYS]
    import spotkiln.flows.nightly
    import spotkiln.flows.preview
    import spotkiln.flows.reconcile
    import spotkiln.flows.release
    import spotkiln.flows.retire
    import spotkiln.flows.rollback
    import spotkiln.flows.run
    import spotkiln.flows.steer

    flows_by_name = {
        "release": spotkiln.flows.release.release,
        "rollback": spotkiln.flows.rollback.rollback,
        "reconcile": spotkiln.flows.reconcile.reconcile,
        "nightly": spotkiln.flows.nightly.nightly,
        "preview": spotkiln.flows.preview.preview,
        "retire": spotkiln.flows.retire.retire,
        "steer": spotkiln.flows.steer.steer,
        "run": spotkiln.flows.run.run,
    }
    from spotkiln.aws.session import connect

    # Reading botocore's models takes longer than all of a release's calls; nothing is opened yet.
    # Auto Scaling's client is made when it is first needed, which is in each release.
    _ = connect(os.environ["AWS_REGION"]).scaling
    _import_what_runs_import()
    _hasten(speed)
    # What is collected no more is shared with every fork instead of copied.
    gc.freeze()
    _say({"ready": True})
    children: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([sys.stdin], [], [], POLL_SECONDS)
        if ready:
            line = sys.stdin.readline()
            if not line:
                return 0
            order = json.loads(line)
            pid = os.fork()
            if pid == 0:
                _run(flows_by_name[order["flow"]], order)
            children[pid] = order["id"]
            _say({"id": order["id"], "pid": pid})
        while children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            _say({"id": children.pop(pid), "code": os.waitstatus_to_exitcode(status)})


def _import_what_runs_import() -> None:
    """Imported when a flow first runs or gets so far, in each run anew."""
    for name in (
        "anyio._backends._asyncio",
        "encodings.idna",
        "prefect.concurrency._asyncio",
        "prefect.concurrency._sync",
        "prefect.concurrency.v1.context",
        "prefect.engine",
        "prefect.flow_engine",
        "prefect.task_engine",
        "prefect.telemetry.run_telemetry",
        "prefect.utilities.visualization",
        "rich._emoji_codes",
        # What the product imports when a release has got so far.
        "spotkiln.sbom.check",
        "spotkiln.sbom.document",
    ):
        importlib.import_module(name)


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def _hasten(speed: float) -> None:
    """The product's clock runs as fast as the sandbox's."""
    from spotkiln.poll import RealClock

    def now(self: RealClock) -> float:
        return time.monotonic() * speed

    def sleep(self: RealClock, seconds: float) -> None:
        time.sleep(seconds / speed)

    RealClock.now = now  # type: ignore[method-assign]
    RealClock.sleep = sleep  # type: ignore[method-assign]


def _run(flow: Any, order: dict[str, Any]) -> None:
    """In the child; never returns to the loop. Ends as a script does, so that Prefect's logs and
    events are sent."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    folder = Path(order["folder"])
    log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    code = 0
    try:
        result = _as_flow_run(flow, order["parameters"], folder)
    except BaseException as error:  # noqa: BLE001 - it is written down, whatever it is
        traceback.print_exc()
        result, code = {"error": f"{type(error).__name__}: {error}"}, 1
    (folder / "result.json").write_text(json.dumps(result))
    raise SystemExit(code)


def _as_flow_run(flow: Any, parameters: dict[str, Any], folder: Path) -> dict[str, Any]:
    from prefect.client.orchestration import get_client
    from prefect.flow_engine import run_flow

    from spotkiln.keep.housekeeping import Reconciled
    from spotkiln.release.command import CommandEnd
    from spotkiln.start.night import Night
    from spotkiln.tasks.keep.preview import Removed
    from spotkiln.tasks.keep.takedown import TakenDown
    from spotkiln.tasks.serve.traffic import Steered

    with get_client(sync_client=True) as client:
        run = client.create_flow_run(flow, parameters=parameters)
    (folder / "run").write_text(str(run.id))
    result: Any = run_flow(flow, flow_run=run, parameters=parameters)
    if isinstance(result, Reconciled):
        return {
            "actions": [str(one) for one in (*result.todo, *result.done)],
            "put_off": [str(one) for one in result.put_off],
            "left_alone": [one.id for one in result.left_alone],
        }
    if isinstance(result, TakenDown | Removed | Steered):
        return dict(result.model_dump(mode="json"))
    if isinstance(result, CommandEnd):
        return {"code": result.code, "why": result.why}
    if isinstance(result, Night):
        return dict(result.model_dump(mode="json"))
    return {
        "outcome": str(result.outcome),
        "cause": result.cause,
        "image": result.image.id if result.image else "",
        "fleet": result.fleet.id if result.fleet else "",
        **({"reused": result.reused, "address": result.address} if flow.name == "preview" else {}),
    }


if __name__ == "__main__":
    raise SystemExit(main())
