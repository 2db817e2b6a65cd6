"""The receiver's settings, from the environment. Secrets are given by name, not by value."""

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator

from spotkiln import workdir
from spotkiln.errors import InputError
from spotkiln.noun import Noun
from spotkiln.push import Host

PREFIX = "SPOTKILN_RECEIVER_"
SECRET_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


class Settings(Noun):
    """Each field is a variable SPOTKILN_RECEIVER_…; lists have spaces between."""

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
    """Names of secrets; several while one is replaced, or one a team."""
    max_bytes: int = Field(default=5 * 1024 * 1024, ge=1024)
    """Of a body. GitHub's own limit is 25 MB; a push of 2000 commits takes 3."""
    body_seconds: float = Field(default=10.0, gt=0, le=300)
    """How long a body may take to come."""
    answer_seconds: float = Field(default=2.0, ge=0, le=8)
    """How long an answer waits for the run's address. Gitea gives up after 5 s."""
    max_bodies: int = Field(default=32, ge=1)
    """Bodies in memory at once; others wait for their turn."""
    max_connections: int = Field(default=512, ge=8)
    max_waiting: int = Field(default=10_000, ge=1)
    """Deliveries that wait for Prefect; more are refused."""

    @field_validator("github_secrets", "gitlab_secrets", "gitea_secrets")
    @classmethod
    def _are_names(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if not SECRET_NAME.fullmatch(name):
                raise ValueError("expected names of secrets, letters, digits, dashes and dots")
        return names

    def secrets(self, host: Host) -> tuple[str, ...]:
        return {
            Host.GITHUB: self.github_secrets,
            Host.GITLAB: self.gitlab_secrets,
            Host.GITEA: self.gitea_secrets,
        }[host]

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """
        Raises:
            InputError: a variable is unknown, or its value is none that it can have.
        """
        given: dict[str, object] = {}
        for name, value in environment.items():
            if name.startswith(PREFIX) and value:
                field = name.removeprefix(PREFIX).lower()
                given[field] = tuple(value.split()) if field.endswith("_secrets") else value
        # systemd's StateDirectory=
        state = environment.get("STATE_DIRECTORY", "").split(":")[0]
        given.setdefault("spool", state or workdir.home() / "receiver")
        try:
            settings = cls.model_validate(given)
        except ValidationError as error:
            first = error.errors(include_input=False)[0]
            name = PREFIX + "_".join(map(str, first["loc"])).upper()
            raise InputError(f"{name}: {first['msg']}; docs/push.md lists the settings") from None
        if settings.url and urlsplit(settings.url).scheme not in {"http", "https"}:
            raise InputError(f"{PREFIX}URL: expected http://… or https://…")
        url = settings.url or f"http://{settings.address}:{settings.port}"
        return settings.model_copy(update={"url": url.rstrip("/")})
