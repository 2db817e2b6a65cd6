"""App: what to release and how it is built, tested and started. The defaults are Rails'."""

import re

from pydantic import Field, field_validator

from spotkiln.bake.shell import ONE_LINE, START, why_not_one_command
from spotkiln.noun import Noun

# What the form in the Prefect UI refuses before anything is stored; the validators below say it
# in words. No secret in a URL: neither a password nor, over HTTP, a user or a query. An @ behind
# a slash counts, because a password may hold the slash.
HTTP = "[Hh][Tt][Tt][Pp][Ss]?"
REPOSITORY = (
    r"^(?!-)(?![\s\S]*[\x00-\x1f\x7f])(?!.*://[^/?#@]*:(?!\d+/)[^@]*@)"
    rf"(?!.*{HTTP}://.*[@?#])"
)
REF = r"^(?!-)(?!.*(\.\.|@\{))[^\s~^:?*\[\\]+$"
HEALTH_PATH = r"^/[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*$"


class App(Noun):
    """A web application that listens on a port."""

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
        json_schema_extra={"pattern": REPOSITORY},
    )
    ref: str = Field(
        default="main",
        title="Git ref",
        description="A branch, a tag or a commit. Only what is committed is released.",
        min_length=1,
        max_length=250,
        json_schema_extra={"pattern": REF},
    )
    build: str = Field(
        default="bundle config set --local without development:test"
        " && bundle install --local --quiet && bundle exec rails assets:precompile",
        title="Build command",
        description="Lines of shell. Run once, in the image, as the application's user.",
    )
    test_setup: str = Field(
        default="bundle config unset --local without && bundle install --local --quiet"
        " && bundle exec rails db:migrate",
        title="Test set-up command",
        description="Lines of shell. Run in the booted image before the tests. Nothing of it is "
        "kept.",
    )
    test: str = Field(
        default="bundle exec rspec --format documentation"
        ' --format RspecJunitFormatter --out "$JUNIT"',
        title="Test command",
        description="Lines of shell. Run in the booted image. Must write a JUnit report to $JUNIT; "
        "a report without tests is a failure.",
        min_length=1,
    )
    migrate: str = Field(
        default="bundle exec rails db:migrate",
        title="Migration command",
        description="One line of shell. Run on every machine before the application starts. Empty "
        "for none.",
        json_schema_extra={"pattern": ONE_LINE},
    )
    start: str = Field(
        default="bundle exec puma -C config/puma.rb",
        title="Start command",
        description="One command, run under systemd as the application's user; NAME=value may come "
        "before it. No second command: no `cd`, `&&`, `;`, `|` or `&`; put those into a script.",
        min_length=1,
        json_schema_extra={"pattern": START},
    )
    notify: bool = Field(
        default=True,
        title="Tells systemd when it is ready",
        description="Type=notify (puma can); off for servers that cannot: Type=exec.",
    )
    port: int = Field(
        default=3000,
        title="Port",
        description="The port it listens on: the target group's.",
        ge=1024,
        le=65535,
    )
    health_path: str = Field(
        default="/up",
        title="Health path",
        description="Answers as the target group's health check expects once it can serve.",
        pattern=HEALTH_PATH,
    )
    user: str = Field(
        default="webapp",
        title="User",
        description="The system user that owns and runs it.",
        pattern=r"^[a-z_][a-z0-9_-]{0,30}$",
    )
    environment: dict[str, str] = Field(
        default={"RAILS_ENV": "production"},
        title="Environment",
        description="Baked into the image, readable by all who may read the image: no secrets.",
    )
    test_environment: dict[str, str] = Field(
        default={"RAILS_ENV": "test"},
        title="Test environment",
        description="The whole environment of the candidate's units, its migration and the tests: "
        "on the machine that tests, nothing of the environment above is there.",
    )

    migrate_seconds: int = Field(
        default=600,
        title="Migration limit (s)",
        description="How long the migration may take on a machine, all its tries together.",
        ge=5,
        le=4 * 3600,
    )
    start_seconds: int = Field(
        default=90,
        title="Start limit (s)",
        description="From the start command to the first answer on the health path: in the unit, "
        "in the image test and in the gate.",
        ge=5,
        le=3600,
    )
    stop_seconds: int = Field(
        default=70,
        title="Stop limit (s)",
        description="From SIGTERM to the end: not less than the longest request. The load "
        "balancer's idle timeout is 60 s by default.",
        ge=1,
        le=3600,
    )
    test_seconds: int = Field(
        default=900,
        title="Tests' limit (s)",
        description="For the test set-up and the tests together.",
        ge=5,
        le=4 * 3600,
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
        if ref.startswith("-") or re.search(r"[\s~^:?*\[\\]|\.\.|@\{", ref):
            raise ValueError(
                f"expected the name of a branch or tag, or a commit, got {ref!r}: "
                "git does not allow such names"
            )
        return ref

    @field_validator("build", "test_setup", "test", "migrate", "start")
    @classmethod
    def _is_text(cls, command: str) -> str:
        """Without the line end that YAML's blocks have."""
        if "\0" in command:
            raise ValueError("expected text, got a NUL character")
        return command.strip()

    @field_validator("test", "start")
    @classmethod
    def _is_something(cls, command: str) -> str:
        if not command:
            raise ValueError("expected a command, got blanks")
        return command

    @field_validator("migrate")
    @classmethod
    def _is_one_line(cls, command: str) -> str:
        if not re.search(ONE_LINE, command):
            raise ValueError("expected one line, got several: join its commands with &&")
        return command

    @field_validator("start")
    @classmethod
    def _is_one_command(cls, command: str) -> str:
        if command and (why := why_not_one_command(command)):
            raise ValueError(
                f"expected one command, for systemd runs it as the main process: {why}; "
                "put it into a script of the repository and start that"
            )
        return command

    @field_validator("environment", "test_environment")
    @classmethod
    def _variables(cls, variables: dict[str, str]) -> dict[str, str]:
        for name, value in variables.items():
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
                raise ValueError(f"expected an environment variable's name, got {name!r}")
            if "\n" in value or "\0" in value:
                raise ValueError(f"the value of {name} must be a single line")
        return variables


# What examples/ releases, as all defaults have it.
DEMO = App(repository="build/demo-web-app")
