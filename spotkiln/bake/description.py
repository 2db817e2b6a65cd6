"""Description: how an application is built, tested and started. Its own spotkiln.yaml says it, and
a deployment may say otherwise. Whatever is None is left open."""

from typing import Any

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    field_validator,
    model_serializer,
)

from spotkiln.bake import values
from spotkiln.bake.choices import Hardening, MigrateOn
from spotkiln.bake.keys import COMMANDS, VARIABLES
from spotkiln.bake.paths import HEALTH_PATH
from spotkiln.bake.processes import Process, Timer
from spotkiln.bake.services import SERVICES
from spotkiln.bake.shell import ONE_LINE, START
from spotkiln.noun import ShownNoun, left_open, yes_no_or_empty


class Description(ShownNoun):
    """The keys of spotkiln.yaml."""

    dependencies: str | None = Field(
        default=None,
        title="Dependencies command",
        description="Lines of shell that install what the application needs, such as `npm ci`. Run "
        "before the build command, in the image, as the application's user. Empty: the build "
        "command does it.",
        json_schema_extra=left_open(),
    )
    lock: tuple[str, ...] | None = Field(
        default=None,
        title="Lock files",
        description="All files and folders that the dependencies command needs, from the "
        "application's top, or with a slash before them from the repository's. As long as these "
        "are the same, its result is kept as a layer, and is not made again. None: no layer.",
        json_schema_extra=left_open(),
    )
    build: str | None = Field(
        default=None,
        title="Build command",
        description="Lines of shell. Run once, in the image, as the application's user.",
        json_schema_extra=left_open(),
    )
    test_setup: str | None = Field(
        default=None,
        title="Test set-up command",
        description="Lines of shell. Run in the booted image before the tests. Nothing of it is "
        "kept.",
        json_schema_extra=left_open(),
    )
    test: str | None = Field(
        default=None,
        title="Test command",
        description="Lines of shell. Run in the booted image. Must write a JUnit report to $JUNIT; "
        "a report without tests is a failure.",
        min_length=1,
        json_schema_extra=left_open(),
    )
    migrate: str | None = Field(
        default=None,
        title="Migration command",
        description="One line of shell. Run once for a release, before its servers are asked for; "
        "`migrate_on` says otherwise. Empty for none.",
        json_schema_extra=left_open(pattern=ONE_LINE),
    )
    migrate_on: MigrateOn | None = Field(
        default=None,
        title="Migrate once, or on each server",
        description="once: on a machine of its own, before the servers are asked for. each: on "
        "every server before the application starts, for a database on the server's own disk, such "
        "as SQLite.",
        json_schema_extra=left_open(),
    )
    start: str | None = Field(
        default=None,
        title="Start command",
        description="One command, run under systemd as the application's user; NAME=value may come "
        "before it. No second command: no `cd`, `&&`, `;`, `|` or `&`; put those into a script.",
        min_length=1,
        json_schema_extra=left_open(pattern=START),
    )
    notify: bool | None = Field(
        default=None,
        title="Tells systemd when it is ready",
        description="Type=notify (puma can); off for servers that cannot: Type=exec.",
        json_schema_extra=yes_no_or_empty,
    )
    port: int | None = Field(
        default=None,
        title="Port",
        description="The port it listens on: the target group's. It may be below 1024.",
        ge=1,
        le=65535,
        json_schema_extra=left_open(),
    )
    health_port: int | None = Field(
        default=None,
        title="Health port",
        description="The port that answers the health check, if it is another one: the target "
        "group's health check must name it.",
        ge=1,
        le=65535,
        json_schema_extra=left_open(),
    )
    health_path: str | None = Field(
        default=None,
        title="Health path",
        description="Answers as the target group's health check expects once it can serve.",
        pattern=HEALTH_PATH,
        json_schema_extra=left_open(),
    )
    user: str | None = Field(
        default=None,
        title="User",
        description="The system user that owns and runs it.",
        pattern=r"^[a-z_][a-z0-9_-]{0,30}$",
        json_schema_extra=left_open(),
    )
    environment: dict[str, str] | None = Field(
        default=None,
        title="Environment",
        description="Of the application when it runs. Baked into the image, readable by all who "
        "may read the image: no secrets.",
        json_schema_extra=left_open(),
    )
    build_environment: dict[str, str] | None = Field(
        default=None,
        title="Build environment",
        description="The whole environment of the build command: nothing of the environment above "
        "is there. No secrets; those are the deployment's `build.secrets`.",
        json_schema_extra=left_open(),
    )
    test_environment: dict[str, str] | None = Field(
        default=None,
        title="Test environment",
        description="The whole environment of the candidate's units, its migration and the tests: "
        "on the machine that tests, nothing of the two above is there.",
        json_schema_extra=left_open(),
    )
    test_services: tuple[str, ...] | None = Field(
        default=None,
        title="Services of the tests",
        description="postgresql, redis: started on the machine that tests and nowhere else, with "
        "DATABASE_URL and REDIS_URL unless the test environment has them. The base image must "
        "have them.",
        json_schema_extra=left_open(items={"enum": list(SERVICES)}),
    )
    config: tuple[str, ...] | None = Field(
        default=None,
        title="Settings that must be there",
        description="Names of variables, such as DATABASE_URL, that the configuration of each "
        "deployment must have. A release is refused, and a server does not start, without one.",
        json_schema_extra=left_open(),
    )
    writable: tuple[str, ...] | None = Field(
        default=None,
        title="Writable folders",
        description="Folders of the application that it may write to when it runs, from its own "
        "top. All else of it is read-only. What is in them is lost with the server.",
        json_schema_extra=left_open(),
    )
    migrate_writable: tuple[str, ...] | None = Field(
        default=None,
        title="Writable for the migration",
        description="Folders of which the migration has a copy of its own to write to, such as "
        "Rails' db for its schema.rb. Nobody else sees what it writes there.",
        json_schema_extra=left_open(),
    )
    mounts: tuple[str, ...] | None = Field(
        default=None,
        title="Kept folders",
        description="Folders that must not be lost with a server: each deployment names a file "
        "system (EFS) for each of them. On the machine that tests they are ordinary folders.",
        json_schema_extra=left_open(),
    )
    smoke: tuple[str, ...] | None = Field(
        default=None,
        title="Smoke test",
        description="Paths that the image test asks for, beside the health path. None may answer "
        "with 500 or more, or not at all.",
        json_schema_extra=left_open(),
    )
    hardening: Hardening | None = Field(
        default=None,
        title="Hardening of the units",
        description="How much the units are forbidden. standard: what puma, gunicorn, uvicorn, "
        "Node, Go and the JVM can do without. strict: it sees nothing of the machine either. "
        "basic: for what brings a sandbox of its own, such as a browser.",
        json_schema_extra=left_open(),
    )
    migrate_seconds: int | None = Field(
        default=None,
        title="Migration limit (s)",
        description="How long the migration may take; on each server: all its tries together.",
        ge=5,
        le=4 * 3600,
        json_schema_extra=left_open(),
    )
    start_seconds: int | None = Field(
        default=None,
        title="Start limit (s)",
        description="From the start command to the first answer on the health path: in the unit, "
        "in the image test and in the gate.",
        ge=5,
        le=3600,
        json_schema_extra=left_open(),
    )
    stop_seconds: int | None = Field(
        default=None,
        title="Stop limit (s)",
        description="From SIGTERM to the end: not less than the longest request. The load "
        "balancer's idle timeout is 60 s by default.",
        ge=1,
        le=3600,
        json_schema_extra=left_open(),
    )
    test_seconds: int | None = Field(
        default=None,
        title="Tests' limit (s)",
        description="For the test set-up and the tests together.",
        ge=5,
        le=4 * 3600,
        json_schema_extra=left_open(),
    )
    memory_mb: int | None = Field(
        default=None,
        title="Memory limit (MB)",
        description="What the web process and its children may use; beyond that they are ended, "
        "and it is started again. Left out: no limit.",
        ge=16,
        le=4 * 1024 * 1024,
        json_schema_extra=left_open(),
    )
    processes: dict[str, Process] | None = Field(
        default=None,
        title="Other processes",
        description="What runs beside the web process, such as a worker: each by a name, as a unit "
        "of its own.",
        json_schema_extra=left_open(),
    )
    timers: dict[str, Timer] | None = Field(
        default=None,
        title="Timers",
        description="What runs by the clock: each by a name, as a unit of its own.",
        json_schema_extra=left_open(),
    )
    depends_on: tuple[str, ...] | None = Field(
        default=None,
        title="Depends on",
        description="For an application in a folder: files and folders outside of it, from the "
        "repository's top, that are released with it. A push that touches neither these nor the "
        "folder releases nothing.",
        json_schema_extra=left_open(),
    )

    @model_serializer(mode="wrap")
    def _only_what_is_said(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Wherever it is written down: Prefect takes no null for what may be left out."""
        return {key: value for key, value in handler(self).items() if value is not None}

    _commands = field_validator(*COMMANDS)(values.stripped)
    _is_something = field_validator("test", "start")(values.not_blank)
    _is_one_line = field_validator("migrate")(values.one_line)
    _is_one_command = field_validator("start")(values.one_command)
    _variables = field_validator(*VARIABLES)(values.variables)
    _are_asked_for = field_validator("smoke")(values.addresses)
    _services = field_validator("test_services")(values.services)
    _names = field_validator("config")(values.names_of_settings)
    _folders = field_validator("writable", "migrate_writable", "mounts")(values.folders)
    _paths = field_validator("depends_on")(values.paths)
    _are_files = field_validator("lock")(values.lock_files)
    _unit_names = field_validator("processes", "timers")(values.unit_names)

    @field_validator("timers")
    @classmethod
    def _names_of_their_own(
        cls, timers: dict[str, Timer] | None, info: ValidationInfo
    ) -> dict[str, Timer] | None:
        if both := sorted((timers or {}).keys() & (info.data.get("processes") or {}).keys()):
            raise ValueError(
                f"expected other names than those of the processes, got {both[0]!r}: both would be "
                "units of the same name"
            )
        return timers
