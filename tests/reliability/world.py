"""All that a case needs: a sandbox, a Prefect server, a repository, and flows as processes."""

import time
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from examples.repositories import make_demo
from rehearsal.account import base_key, ensure_base_image, own_images
from rehearsal.prefect_client import client_of
from rehearsal.prefect_local import LocalPrefect
from rehearsal.runs import Runs
from rehearsal.worker import as_worker
from sandbox.client import Sandbox
from spotkiln.account.roles import WORKER
from tests.reliability.flow_process import FlowProcess, Zygote
from tests.reliability.truth import Account, Truth

SPEED = 20.0
# In the sandbox's seconds: quick machines, for it is not they that are on trial.
MACHINES = {"boot_seconds": 4, "serve_seconds": 3, "stop_seconds": 2, "image_seconds": 4}
STAND_IN = {"bake_seconds": 1, "test_seconds": 1}
CLEAN_SECONDS = 10.0
PREVIEW = {"host": "{branch}.preview.example.com", "most": 2, "hours": 24}
# Long enough for a machine that was told to end to do so.
QUIET_SECONDS = 0.6

# Prefect's handler lays out each line for a terminal, which nobody has here: a fourteenth of a
# flow's processor time. Another one of its own writes the same lines as they are.
PLAIN_LOG = {
    "PREFECT_LOGGING_ROOT_HANDLERS": "debug",
    "PREFECT_LOGGING_HANDLERS_DEBUG_FORMATTER": "standard",
}

# Prefect's server writes each state of each step in a transaction of its own, seventy in a
# release: a third of its work. In batches it is one transaction a second, and one row for all
# states of a step. Prefect 3.8.8 rounds less than a second to 0, and then never rests.
IN_BATCHES = {
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
}


def without_release_only(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """What a rollback takes of a release's parameters."""
    return {x: y for x, y in parameters.items() if x not in {"force", "even_if_held"}}


# Packer 1.6.6 tags an image once it is made. One that it gives up before is not its to take away:
# whoever clears up finds it by its name, tags it, and may.
PACKERS_OWN = ("ec2:DeregisterImage", "aws:ResourceTag/spotkiln:release")


def _gone(refused: Mapping[str, Any], images: Collection[str]) -> bool:
    """Whether it was about an image that another run has taken away meanwhile: then it has no tag
    by which a right could be had."""
    kind, _, name = str(refused["resource"]).rpartition("/")
    by_tag = "aws:ResourceTag/spotkiln:release" in refused["missing"]
    return kind.endswith(":image") and by_tag and name not in images


class World:
    """Start it once, and play every case in it. A server given is used and left running. With
    `others` the account holds what looks like ours and is not (tests/look_alikes.py). Flows have
    the worker's rights alone, and not those of the account's owner, and at the end none may have
    been refused.
    """

    def __init__(
        self,
        home: Path,
        *,
        machines: str = "simulated",
        prefect: LocalPrefect | None = None,
        account: Mapping[str, Any] | None = None,
        environment: Mapping[str, str] | None = None,
        password: str = "",
        others: bool = False,
    ) -> None:
        self.home = home
        self._stack = ExitStack()
        self.repository = home / "repository"
        self._prefect = prefect
        self._machines = machines
        # Real machines and real Packer have no clock that could run faster.
        self._speed = SPEED if machines == "simulated" else 1.0
        self._settings = account
        self._environment = dict(environment or {})
        self._others = others
        self._password = password
        # What releases launch with, if they do not say.
        self.launcher = "spot-fleet"

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.prefect = self._prefect or stack.enter_context(
                LocalPrefect(self.home / "prefect", IN_BATCHES, 0, self._password)
            )
            if self._prefect is None:
                self.prefect.start_server()
            self.box = stack.enter_context(
                Sandbox.start(
                    self.home / "sandbox",
                    machines=self._machines,
                    speed=self._speed,
                    account=self._settings,
                    kept=(base_key(),),
                )
            )
            self.environment = environment = {
                **self.prefect.environment,
                **as_worker(self.box),
                "SPOTKILN_HOME": str(self.home / "spotkiln"),
                # They are for a person, and there are thousands.
                "PREFECT_LOGGING_TO_API_ENABLED": "false",
                **PLAIN_LOG,
                **self._environment,
            }
            self.zygote = stack.enter_context(Zygote(self.home / "runs", environment, self._speed))
            make_demo(self.repository)
            self.account = Account(self.box)
            self._make_base_image()
            if self._others:
                own = own_images(self.account.ec2)
                simulated = self._machines == "simulated"
                self.account.add_others(own[0]["ImageId"], machines=simulated)
            self.prefect.wait_for_server()
            self.zygote.wait_until_ready()
            self.api = stack.enter_context(client_of(self.prefect.address, self.prefect.password))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        refused = self.refused()
        self._stack.close()
        assert not refused, refused

    def refused(self) -> list[dict[str, Any]]:
        """What flows asked for without a right to it."""
        told = self.box.rights().get(WORKER, {}).get("refused", [])
        left = [one for one in told if (one["action"], *one["missing"]) != PACKERS_OWN]
        there = {one["ImageId"] for one in own_images(self.account.ec2)} if left else set()
        return [one for one in left if not _gone(one, there)]

    def _make_base_image(self) -> None:
        if self._machines == "docker":
            ensure_base_image(self.box, print)
        else:
            self.box.script(**MACHINES, **STAND_IN)
            self.account.base_image()

    # -- flows --

    def parameters(self, ref: str = "v1", variant: str = "", **changes: Any) -> dict[str, Any]:
        """Of a release. Another `variant` of the same commit is another image."""
        app: dict[str, Any] = {
            "name": "demo-web-app",
            "repository": str(self.repository),
            "ref": ref,
        }
        if variant:
            app["environment"] = {"RAILS_ENV": "production", "VARIANT": variant}
        given: dict[str, Any] = {
            "app": app,
            "gate": {"polls": 1, "boot_seconds": 20},
            "keep_versions": 2,
            "force": True,
        }
        fleet = {"launcher": self.launcher, **changes.pop("fleet", {})}
        return {**given, **changes, "fleet": fleet}

    def start(self, ref: str = "v1", variant: str = "", **changes: Any) -> FlowProcess:
        """Also of what a rollback has left: cases go back and forth, and what is held is the
        business of its own tests."""
        given = self.parameters(ref, variant, **{"even_if_held": True, **changes})
        return self.zygote.start("release", given)

    def release(self, ref: str = "v1", variant: str = "", **changes: Any) -> dict[str, Any]:
        """Start one and wait for what comes of it."""
        return self.start(ref, variant, **changes).result()

    def play(self, flow: str, ref: str, variant: str = "", **more: Any) -> FlowProcess:
        """Start any flow with what it needs of these; a rollback goes to the previous version.
        `more` is for a release: of its application, of its fleet."""
        if flow == "reconcile":
            return self.zygote.start(flow, {})
        if flow == "release":
            app = {**self.parameters(ref, variant)["app"], **more.pop("app", {})}
            return self.start(ref, variant, app=app, **more)
        return self.zygote.start(flow, without_release_only(self.parameters(ref, variant)))

    def preview(self, ref: str, *, removed: bool = False) -> FlowProcess:
        """Make that of the branch `ref`, or take it away."""
        asked = self.parameters(ref)
        given = {key: asked[key] for key in ("app", "gate")}
        where = {"preview": PREVIEW, "branch": ref, "ref": ref, "removed": removed}
        return self.zygote.start("preview", {**given, **where})

    def reconcile(self, **parameters: Any) -> dict[str, Any]:
        return self.zygote.start("reconcile", parameters).result()

    def report_crashed(self, process: FlowProcess) -> None:
        """What a worker tells Prefect within a second of its flow process's death."""
        if process.run:
            Runs(self.prefect.address).set_state(process.run, "CRASHED", force=True)

    # -- what is there --

    def look_once_quiet(self) -> Truth:
        """Nobody is expected to mend anything any more."""
        return self.settled(patience_seconds=QUIET_SECONDS)

    def settled(
        self,
        group: str = "website",
        patience_seconds: float = CLEAN_SECONDS,
    ) -> Truth:
        """A look once machines that were told to end have done so, or after a deadline."""
        deadline = time.monotonic() + patience_seconds
        while True:
            truth = self.account.look(group)
            if not truth.problems() or time.monotonic() > deadline:
                return truth
            time.sleep(0.2)
