"""The receiver's settings, from the environment. Secrets are given by name, not by value."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator, model_validator

from spotkiln import workdir
from spotkiln.errors import InputError
from spotkiln.noun import Noun
from spotkiln.start.hooks import Hooks, Host

PREFIX = "SPOTKILN_RECEIVER_"
HOST_NAME = re.compile(r"[A-Za-z0-9_.-]+|[0-9a-fA-F:]+")
SECRET_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


class Settings(Noun):
    """Each field is a variable SPOTKILN_RECEIVER_…; the items of a list are separated by spaces."""

    address: str = "127.0.0.1"
    """Where it listens. TLS is a proxy's in front of it."""
    port: int = Field(default=4180, ge=0, le=65535)
    url: str = ""
    """How others reach it, for the addresses in its answers."""
    spool: Path = Path()
    """The folder of deliveries that wait for Prefect."""
    github_secrets: tuple[str, ...] = ()
    gitlab_secrets: tuple[str, ...] = ()
    gitea_secrets: tuple[str, ...] = ()
    bitbucket_secrets: tuple[str, ...] = ()
    ci_secrets: tuple[str, ...] = ()
    """Names of secrets: several while one is being replaced, or one for each team."""
    metrics_secrets: tuple[str, ...] = ()
    """Names of secrets, one of which Prometheus sends as its Bearer token; without, no metrics."""
    github_hosts: tuple[str, ...] = ()
    gitlab_hosts: tuple[str, ...] = ()
    gitea_hosts: tuple[str, ...] = ()
    bitbucket_hosts: tuple[str, ...] = ()
    ci_hosts: tuple[str, ...] = ()
    """Hosts whose repositories each kind speaks for; the well-known ones if there are none."""
    ssh_config: Path | None = None
    """The ssh configuration with the aliases of hosts in the deployments' repositories; if empty,
    ~/.ssh/config."""
    max_bytes: int = Field(default=25 * 1024 * 1024, ge=1024)
    """Of one body; the default is GitHub's own limit."""
    max_memory: int = Field(default=64 * 1024 * 1024, ge=1024)
    """Of all bodies together; the first 64 KiB of each do not count."""
    body_seconds: float = Field(default=10.0, gt=0, le=300)
    """How long a body may take to come."""
    answer_seconds: float = Field(default=2.0, ge=0, le=8)
    """How long an answer waits for the run's address. Gitea gives up after 5 s."""
    head_seconds: float = Field(default=5.0, gt=0, le=60)
    """How long a connection may take to send a request's headers."""
    max_connections: int = Field(default=512, ge=8)
    max_waiting: int = Field(default=10_000, ge=1)
    """Deliveries that wait for Prefect; more are refused."""

    @field_validator(*(f"{host}_secrets" for host in Host), "metrics_secrets")
    @classmethod
    def _are_names(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if not SECRET_NAME.fullmatch(name):
                raise ValueError("expected names of secrets, letters, digits, dashes and dots")
        return names

    @field_validator(*(f"{host}_hosts" for host in Host))
    @classmethod
    def _are_hosts(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for host in hosts:
            if not HOST_NAME.fullmatch(host):
                raise ValueError("expected names of hosts, as git.example.com, without a scheme")
        return tuple(host.lower() for host in hosts)

    @model_validator(mode="after")
    def _one_fits(self) -> Self:
        if self.max_memory < self.max_bytes:
            raise ValueError("MAX_MEMORY must be as much as MAX_BYTES at least")
        return self

    def secrets(self, host: Host) -> tuple[str, ...]:
        return self.hooks.secrets.get(host, ())

    @property
    def hooks(self) -> Hooks:
        return Hooks(
            secrets={host: getattr(self, f"{host}_secrets") for host in Host},
            hosts={host: getattr(self, f"{host}_hosts") for host in Host},
        )

    # Ours, and not pydantic-settings: that one ignores a misspelt variable,
    # reads lists as JSON, and knows no environment but its own process's.
    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """
        Raises:
            InputError: a variable is unknown, or has a value that does not fit.
        """
        given: dict[str, object] = {}
        for name, value in environment.items():
            if name.startswith(PREFIX) and value:
                field = name.removeprefix(PREFIX).lower()
                listed = field.endswith(("_secrets", "_hosts"))
                given[field] = tuple(value.split()) if listed else value
        # systemd's StateDirectory=
        state = environment.get("STATE_DIRECTORY", "").split(":")[0]
        given.setdefault("spool", state or workdir.home() / "receiver")
        try:
            settings = cls.model_validate(given)
        except ValidationError as error:
            first = error.errors(include_input=False)[0]
            name = PREFIX + "_".join(map(str, first["loc"])).upper()
            raise InputError(
                f"{name}: {first['msg']}; `spotkiln docs push` lists the settings"
            ) from None
        if settings.url and urlsplit(settings.url).scheme not in {"http", "https"}:
            raise InputError(f"{PREFIX}URL: expected http://… or https://…")
        url = settings.url or f"http://{settings.address}:{settings.port}"
        return settings.model_copy(update={"url": url.rstrip("/")})
