"""Starts the push receiver: `python -m spotkiln.receiver`, or `spotkiln-receiver`."""

import logging
import os
import socket
import sys

import uvicorn

from spotkiln.errors import InputError
from spotkiln.prefect_api.connection import address, without_retries
from spotkiln.receiver.app import create
from spotkiln.receiver.connections import impatient
from spotkiln.receiver.settings import Settings
from spotkiln.start.hooks import Host
from spotkiln.start.ssh import trouble

log = logging.getLogger("spotkiln.receiver")
# The first socket that systemd passes has this number.
FIRST_SOCKET = 3


def _inherited() -> list[socket.socket] | None:
    """The socket that systemd holds for us, if it does: a client that connects during a restart
    then waits instead of being refused."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()) or os.environ.get("LISTEN_FDS") != "1":
        return None
    return [socket.socket(fileno=FIRST_SOCKET)]


def serve(settings: Settings) -> None:
    if why := trouble(settings.ssh_config):
        log.warning("aliases of hosts in deployments' repositories are not known: %s", why)
    config = uvicorn.Config(
        create(settings, os.environ),
        host=settings.address,
        port=settings.port,
        log_level="warning",
        access_log=False,
        server_header=False,
        http=impatient(settings.head_seconds, settings.max_connections),
        # A limit for connections whose requests have been read and are being worked on.
        limit_concurrency=2 * settings.max_connections,
        timeout_graceful_shutdown=10,
    )
    # The spool tries again by a plan of its own.
    with without_retries():
        uvicorn.Server(config).run(sockets=_inherited())


def _settings() -> Settings:
    """
    Raises:
        InputError: with these settings nothing could ever be accepted or handed on.
    """
    settings = Settings.from_environment(os.environ)
    address()
    if not any(settings.secrets(host) for host in Host):
        raise InputError(
            "no secrets are named: set SPOTKILN_RECEIVER_GITHUB_SECRETS, …GITLAB_SECRETS, "
            "…GITEA_SECRETS, …BITBUCKET_SECRETS or …CI_SECRETS to the names of the hooks' secrets"
        )
    return settings


def main() -> int:
    """The exit code: 2 for settings that it cannot run with."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        settings = _settings()
    except InputError as error:
        sys.stderr.write(f"spotkiln-receiver: {error}\n")
        return 2
    serve(settings)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
