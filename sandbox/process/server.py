"""The sandbox's process: makes all parts, starts them, serves, and stops them."""

import logging
import os
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from sandbox.api import app
from sandbox.api.gateway import Gateway
from sandbox.api.guard import AccessKey, Guard, InnerGuard
from sandbox.api.rights import Rights
from sandbox.balancing.balancers import Balancers
from sandbox.balancing.listeners import Listeners
from sandbox.control.control import Control
from sandbox.control.inventory import Inventory
from sandbox.engine import initial_account
from sandbox.engine.account_settings import AccountSettings
from sandbox.engine.engine import Engine
from sandbox.faults.calls import CONTROL, Recorder
from sandbox.faults.faults import Faults
from sandbox.faults.limits import Limits
from sandbox.faults.stale import StaleReads
from sandbox.machines.protocol import InitialImage, Machines
from sandbox.machines.scripts import Scripts
from sandbox.machines.simulated.machines import SimulatedMachines
from sandbox.process import quick_start
from sandbox.process.directory import Directory
from sandbox.process.keeper import Keeper
from sandbox.process.say import say
from sandbox.state import kept
from sandbox.state.account import Account
from sandbox.state.clock import Clock
from sandbox.state.records import ACCOUNT_ID

log = logging.getLogger(__name__)

STANDIN = Path(__file__).parents[1] / "packer_standin"


@dataclass(frozen=True)
class Options:
    directory: Directory
    name: str
    machines: str = "docker"
    speed: float = 1.0
    region: str = "eu-west-1"
    port: int = 0
    kept: tuple[str, ...] = ()
    resume: bool = False
    account: AccountSettings = field(default_factory=AccountSettings)


class _Quiet(WSGIRequestHandler):
    """Logs no requests: they are recorded, and would hide what matters in the log."""

    # Head and body are sent together: each write wakes the client.
    wbufsize = -1

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass

    def send_response(self, code: int, message: str | None = None) -> None:
        """Adds no Server and no Date header: AWS's answers have their own."""
        self.send_response_only(code, message)


class Server:
    def __init__(self, options: Options) -> None:
        self.options = options
        self._scripts = Scripts()
        clock = Clock(options.speed)
        self._machines = _machines(options, clock, self._scripts)
        self._account = Account(options.region, self._machines, clock, self._scripts)
        self._engine = Engine(self._account)
        listeners = Listeners(self._account, self._engine.targets.routes)
        self._balancers = Balancers(self._account, listeners, self._describe)
        self._key = AccessKey()
        self._images: list[InitialImage] = []
        self._http: BaseWSGIServer | None = None
        self._inside: BaseWSGIServer | None = None
        self._keeper: Keeper | None = None
        self._resumed = ""

    def start(self) -> dict[str, Any]:
        """Returns the description once all parts answer."""
        self._images = self._machines.initial_images(self.options.kept)
        with self._account.lock:
            # First: the account's stacks are made by AWS's operations, as they are here.
            aws = app.application(self._engine)
            if not (self.options.resume and self._resume()):
                self._furnish()
        recorder, faults, limits = Recorder(), Faults(), Limits(self._account.clock)
        stale = StaleReads(self._account)
        rights = Rights(self._account)
        inventory = Inventory(self._account)
        control = Control(
            self._engine,
            recorder,
            faults,
            limits,
            stale,
            inventory,
            self._balancers,
            self.description,
            self._furnish,
            rights,
        )
        gateway = Gateway(self._account, aws, control, recorder, faults, limits, stale, rights)
        self._http = make_server(
            "127.0.0.1",
            self.options.port,
            Guard(gateway, self._key, self._account, rights.caller),
            threaded=True,
            request_handler=_Quiet,
        )
        _serve(self._http, "http")
        if bound := self._machines.api_socket():
            # Only machines reach this: the socket is bound to their bridge. The control API is
            # not for them.
            host, port = bound.getsockname()
            self._inside = make_server(
                host,
                port,
                InnerGuard(gateway.aws, self._account),
                threaded=True,
                request_handler=_Quiet,
                fd=bound.fileno(),
            )
            _serve(self._inside, "http for machines")
        self._engine.start()
        self._balancers.start()
        if self.options.resume:
            options = self.options
            self._keeper = Keeper(self._engine, options.name, options.machines, options.directory)
            self._keeper.start()
        return self._describe()

    def _furnish(self) -> None:
        directory = self.options.directory
        old_key = directory.key.read_text() if directory.key.exists() else None
        key = initial_account.create(
            self._account, self._engine.images, self._images, self.options.account, old_key
        )
        directory.write_key(key)

    def _resume(self) -> bool:
        """Go on with the account that the last sandbox of this directory has left, if it did. Its
        machines are gone, as if their hosts had died: fleets replace them. Its images are there."""
        directory = self.options.directory
        if directory.kept_by() is None:
            return False
        try:
            kept.load(self._account, directory.kept.read_bytes(), self.options.machines)
        except kept.KeptError as error:
            self._resumed = f"what the last sandbox left is not taken over, for {error}"
            say(self._resumed)
            self._machines.restore_images({})
            return False
        self._resumed = "goes on with what the last sandbox left"
        amis = self._account.ec2.amis
        for image in self._images:
            if image.image_id not in amis:
                self._engine.images.add_initial(image)
        wanted = {
            one.id: (one.name or "", self._account.tags(one.id))
            for one in amis.values()
            if one.state == "available"
        }
        there = self._machines.restore_images(wanted)
        for image_id in kept.lost_images(self._account, there):
            self._engine.images.lose(image_id)
        return True

    def _describe(self) -> dict[str, Any]:
        described = self.description()
        self.options.directory.write(described)
        return described

    def description(self) -> dict[str, Any]:
        assert self._http is not None, "start() first"
        endpoint = f"http://127.0.0.1:{self._http.server_port}"
        return {
            "name": self.options.name,
            "pid": os.getpid(),
            "machines": self.options.machines,
            "region": self.options.region,
            "account": ACCOUNT_ID,
            "speed": self.options.speed,
            "endpoint": endpoint,
            "control": f"{endpoint}{CONTROL}",
            "load_balancers": self._balancers.addresses(),
            "key": str(self.options.directory.key),
            "resumed": self._resumed,
            "environment": self._environment(endpoint),
        }

    def _environment(self, endpoint: str) -> dict[str, str]:
        environment = {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_DEFAULT_REGION": self.options.region,
            "AWS_REGION": self.options.region,
            "AWS_ACCESS_KEY_ID": self._key.key_id,
            "AWS_SECRET_ACCESS_KEY": self._key.secret,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            # Packer's polling. Its AWS_MAX_ATTEMPTS is botocore's retry limit as well, so the
            # number of polls is given by the timeout instead, which botocore does not read.
            "AWS_POLL_DELAY_SECONDS": "1",
            "AWS_TIMEOUT_SECONDS": "1800",
            # Machines are reached from here: nobody need look it up.
            "SPOTKILN_OWN_ADDRESS": "127.0.0.1",
            "NO_PROXY": _no_proxy(),
            "no_proxy": _no_proxy(),
        }
        if self.options.machines == "simulated":
            # The stand-in runs with the interpreter that runs this process.
            own = [str(STANDIN), str(Path(sys.executable).parent)]
            # Nor is it another one that somebody names.
            environment["PACKER"] = ""
            environment["PATH"] = os.pathsep.join([*own, os.environ.get("PATH", os.defpath)])
        return environment

    def stop(self) -> None:
        """Remove everything. Each step is tried, even if the one before it failed."""
        steps = [self._stop_http, self._balancers.stop, self._engine.stop]
        for step in [*steps, self._keeper.stop] if self._keeper else steps:
            try:
                step()
            except Exception:
                log.exception("while stopping")
        self._machines.close(spare_images=self.options.resume)

    def _stop_http(self) -> None:
        for server in (self._http, self._inside):
            if server is not None:
                server.shutdown()
                server.server_close()


def _serve(server: BaseWSGIServer, name: str) -> None:
    threading.Thread(target=server.serve_forever, args=(0.1,), name=name, daemon=True).start()


def _machines(options: Options, clock: Clock, scripts: Scripts) -> Machines:
    if options.machines == "simulated":
        quick_start.share_one_key()
        return SimulatedMachines(clock, scripts)
    from sandbox.machines.docker.machines import (
        DockerMachines,
    )  # imported only where Docker is used

    return DockerMachines(options.name, say, spare_images=options.resume)


def _no_proxy() -> str:
    present = os.environ.get("NO_PROXY") or os.environ.get("no_proxy") or ""
    return ",".join([*filter(None, present.split(",")), "127.0.0.1", "localhost"])
