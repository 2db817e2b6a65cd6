"""App: what to release and how it is built, tested and started."""

import re
from typing import Self

from pydantic import Field, GetJsonSchemaHandler, field_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from spotkiln.bake.choices import Hardening, MigrateOn
from spotkiln.bake.description import Description
from spotkiln.bake.gitref import why_no_ref
from spotkiln.bake.keys import FILE_ALONE
from spotkiln.bake.paths import FOLDER, why_no_path
from spotkiln.bake.processes import Process, Timer
from spotkiln.noun import Noun, ShownNoun

# What packer/scripts/test/answers.sh waits for a page of the image test.
PAGE_SECONDS = 60

# No secret in a URL: neither a password nor, over HTTP, a user or a query. An @ behind a slash
# counts, because a password may hold the slash.
HTTP = "[Hh][Tt][Tt][Pp][Ss]?"
REPOSITORY = (
    r"^(?!-)(?![\s\S]*[\x00-\x1f\x7f])(?!.*://[^/?#@]*:(?!\d+/)[^@]*@)"
    rf"(?!.*{HTTP}://.*[@?#])"
)


class Address(ShownNoun):
    """Which application, and where it is. Only a deployment can say this."""

    name: str = Field(
        default="demo-web-app",
        title="Name",
        description="Lower-case letters, digits and dashes. Names the folder in /srv, the units, "
        "the images and the host names.",
        pattern=r"^[a-z][a-z0-9-]{1,30}[a-z0-9]$",
    )
    repository: str = Field(
        title="Git repository",
        description="What `git clone` takes: a URL without a password, or a path.",
        min_length=1,
    )
    ref: str = Field(
        default="main",
        title="Git ref",
        description="A branch, a tag or a commit. Only what is committed is released.",
        min_length=1,
        max_length=250,
    )
    folder: str = Field(
        default="",
        title="Folder",
        description="Where in the repository the application is, such as apps/web; empty: at its "
        "top. Only this folder, and what its spotkiln.yaml says it depends on, is released.",
        max_length=250,
    )

    @field_validator("repository")
    @classmethod
    def _no_secret(cls, repository: str) -> str:
        if repository.startswith("-"):
            raise ValueError(f"expected a URL or a path, got the option-like {repository!r}")
        if re.search(r"[\x00-\x1f\x7f]", repository):
            raise ValueError("expected a URL or a path in one line, got control characters")
        if not re.search(REPOSITORY, repository):
            raise ValueError(
                "a password or token in the URL would end up in logs and in the UI: remove what "
                "stands before an @ or after a ?, and let git's credential helper or an SSH key "
                "supply it"
            )
        return repository

    @field_validator("ref")
    @classmethod
    def _is_ref(cls, ref: str) -> str:
        if why := why_no_ref(ref):
            raise ValueError(why)
        return ref

    def at(self, ref: str) -> Self:
        """The same application at another ref, which must be a valid one; empty: at its own ref."""
        return self.model_copy(update={"ref": ref}) if ref else self

    @field_validator("folder")
    @classmethod
    def _is_folder(cls, folder: str) -> str:
        if folder and not re.fullmatch(FOLDER, folder):
            why = why_no_path(folder) or "letters, digits and . _ - + @ are what its names may have"
            raise ValueError(
                f"expected a folder from the repository's top, such as apps/web, got {folder!r}: "
                f"{why}"
            )
        return folder


class AppSpec(Description, Address):
    """What a deployment asks for. What it leaves open, the application's own spotkiln.yaml says;
    what that leaves open is detected, or has a default."""

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Without what is the application's own affair: a deployment does not say it."""
        schema = handler.resolve_ref_schema(handler(core_schema))
        for key in FILE_ALONE:
            schema["properties"].pop(key, None)
        return schema


class App(Noun):
    """A web application that listens on a port, as one commit of it is released: nothing is open.
    The fields are those of AppSpec."""

    name: str
    folder: str = ""
    dependencies: str = ""
    lock: tuple[str, ...] = ()
    build: str
    test_setup: str
    test: str
    migrate: str
    migrate_on: MigrateOn
    start: str
    notify: bool
    port: int
    health_port: int
    health_path: str
    user: str
    environment: dict[str, str]
    build_environment: dict[str, str]
    test_environment: dict[str, str]
    config: tuple[str, ...] = ()
    test_services: tuple[str, ...] = ()
    writable: tuple[str, ...]
    migrate_writable: tuple[str, ...] = ()
    mounts: tuple[str, ...] = ()
    smoke: tuple[str, ...] = ("/",)
    hardening: Hardening
    migrate_seconds: int
    start_seconds: int
    stop_seconds: int
    test_seconds: int
    memory_mb: int | None = None
    processes: dict[str, Process] = {}  # noqa: RUF012 - pydantic copies defaults
    timers: dict[str, Timer] = {}  # noqa: RUF012 - pydantic copies defaults
    depends_on: tuple[str, ...] = ()

    @property
    def made_by(self) -> str:
        """All that is run to make its image."""
        return "\n".join(filter(None, (self.dependencies, self.build)))

    @property
    def serving_seconds(self) -> int:
        """From the migration's end until it serves, at most: its other processes start first."""
        first = (one.starts_within for one in self.processes.values())
        return self.start_seconds + max(first, default=0)

    @property
    def tested_seconds(self) -> int:
        """All that its own limits allow on the machine that tests: it migrates, starts, answers
        for its pages, and the tests run."""
        pages = PAGE_SECONDS * len(self.smoke)
        return self.migrate_seconds + self.serving_seconds + pages + self.test_seconds

    @property
    def migrates_once(self) -> bool:
        """Whether a release migrates before it asks for servers."""
        return bool(self.migrate) and self.migrate_on is MigrateOn.ONCE


# Of any application. How it is built, tested and started must be said, or detected.
DEFAULTS = Description(
    dependencies="",
    lock=(),
    test_setup="",
    migrate="",
    migrate_on=MigrateOn.ONCE,
    notify=False,
    port=3000,
    health_path="/up",
    user="webapp",
    environment={},
    build_environment={},
    test_environment={},
    config=(),
    test_services=(),
    writable=(),
    migrate_writable=(),
    mounts=(),
    smoke=("/",),
    hardening=Hardening.STANDARD,
    migrate_seconds=600,
    start_seconds=90,
    stop_seconds=70,
    test_seconds=900,
    processes={},
    timers={},
    depends_on=(),
)

# What examples/ releases.
DEMO = AppSpec(repository="build/demo-web-app")
