"""Configuration: where a machine reads its settings and secrets when it boots, and which of them
must be there. Names only: nothing in Spotkiln ever holds a value."""

import re
from collections.abc import Iterable, Sequence

from pydantic import Field, field_validator

from spotkiln.bake.recipe import digest_of
from spotkiln.bake.shell import READ_ONLY
from spotkiln.errors import InputError
from spotkiln.noun import Noun, ShownNoun

# What systemd, a shell and every runtime take as a variable's name.
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# The unit's own, and what no shell lets be set. A setting of that name is a file only
# (systemd/read-config.sh has the same list).
OF_THE_UNIT = READ_ONLY | {
    "HOME",
    "PORT",
    "NOTIFY_SOCKET",
    "STATE_DIRECTORY",
    "CREDENTIALS_DIRECTORY",
}
PARAMETERS = r"^(/[A-Za-z0-9_.-]+){1,15}/?$(?!\n)"
_ARN = r"arn:[a-z0-9-]+:secretsmanager:[a-z0-9-]+:\d{12}:secret:"
SECRET = rf"^({_ARN})?[A-Za-z0-9/_+=.@-]{{1,512}}$(?!\n)"
# User data have 16 KiB in all.
MOST = 20
# As many names as fit into a sentence.
SHOWN = 20


class Configuration(ShownNoun):
    """Where the values are; a deployment names it."""

    parameters: tuple[str, ...] = Field(
        default=(),
        title="Parameters",
        description="Paths in Parameter Store, such as /shop/production/. Each parameter directly "
        "below is a setting, its last part is the name. A later path goes before an earlier one.",
        max_length=MOST,
        json_schema_extra={"items": {"type": "string", "pattern": PARAMETERS}},
    )
    secrets: tuple[str, ...] = Field(
        default=(),
        title="Secrets",
        description="Names of secrets in Secrets Manager, such as shop/production. Each key of its "
        "JSON is a setting. Secrets go before parameters, a later one before an earlier one.",
        max_length=MOST,
        json_schema_extra={"items": {"type": "string", "pattern": SECRET}},
    )

    # What was given is not repeated: somebody may have given a value in place of a name.

    @field_validator("parameters")
    @classmethod
    def _paths(cls, paths: tuple[str, ...]) -> tuple[str, ...]:
        for number, path in enumerate(paths, start=1):
            if not re.search(PARAMETERS, path):
                raise ValueError(
                    f"expected a path of Parameter Store such as /shop/production/, got something "
                    f"else as number {number}: it begins with a slash, and its at most 15 parts "
                    "are of letters, digits and ._- alone. Name where the values are, never a value"
                )
        whole = tuple(f"{path.rstrip('/')}/" for path in paths)
        return _once(whole, "path")

    @field_validator("secrets")
    @classmethod
    def _names(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for number, name in enumerate(names, start=1):
            if not re.search(SECRET, name):
                raise ValueError(
                    f"expected the name or ARN of a secret in Secrets Manager such as "
                    f"shop/production, got something else as number {number}: a name is of "
                    "letters, digits and /_+=.@- alone. Name where the values are, never a value"
                )
        return _once(names, "secret")

    @property
    def asked(self) -> bool:
        return bool(self.parameters or self.secrets)

    def shares(self, other: "Configuration") -> list[str]:
        """The paths and secrets that both read."""
        paths = (one for one in self.parameters if one in other.parameters)
        return [*paths, *(one for one in self.secrets if one in other.secrets)]

    @property
    def user_data(self) -> str:
        """The lines that tell a machine; comments to cloud-init (systemd/role.sh)."""
        lines = [f"# spotkiln-parameters: {path}" for path in self.parameters]
        lines += [f"# spotkiln-secret: {name}" for name in self.secrets]
        return "".join(f"{line}\n" for line in lines)

    def __str__(self) -> str:
        """`/shop/production/, secret shop/production`."""
        return ", ".join([*self.parameters, *(f"secret {name}" for name in self.secrets)])


def _once(names: tuple[str, ...], what: str) -> tuple[str, ...]:
    if len(set(names)) != len(names):
        raise ValueError(f"expected each {what} once, got one of them twice")
    return names


class Stored(Noun):
    """Something that a machine will read. `name` is a parameter's last part, or a secret's name;
    `version` stands for its value: another value has another."""

    name: str
    version: str


class Known(Noun):
    """What is there of a configuration, as it can be known without a right to read any value.
    Which keys a secret has cannot: the machine finds out when it boots."""

    sources: Configuration = Configuration()
    parameters: tuple[Stored, ...] = ()
    secrets: tuple[Stored, ...] = ()
    unknown: bool = False
    """Nobody could look: only a rollback goes on then."""

    @property
    def versions(self) -> str:
        """Stands for all values and where they come from. Empty: there is no configuration."""
        if not self.sources.asked:
            return ""
        return digest_of(self.model_dump(mode="json"))

    @property
    def variables(self) -> frozenset[str]:
        """The names of parameters that are variables on the machine."""
        return frozenset(x.name for x in self.parameters if is_variable(x.name))


def is_variable(name: str) -> bool:
    return bool(VARIABLE.fullmatch(name)) and name not in OF_THE_UNIT


def missing(required: Sequence[str], known: Known) -> list[str]:
    """The required names that certainly will not be there, in their order: none as long as a
    secret may have them."""
    if known.secrets or known.unknown:
        return []
    return [name for name in required if name not in known.variables]


def require_names(required: Sequence[str], known: Known) -> None:
    """Before anything is spent.

    Raises:
        InputError: with the names that will not be there, and what to do.
    """
    lacking = missing(required, known)
    if not lacking:
        return
    names = ", ".join(lacking)
    if not known.sources.asked:
        raise InputError(
            f"the application needs {names} (config in spotkiln.yaml), and the deployment does not "
            "say where they are: give it configuration: {parameters: [/its/path/]} or "
            "{secrets: [its/secret]}, and put them there (`spotkiln docs configuration`)"
        )
    path = known.sources.parameters[0]
    near = [said for name in lacking if (said := _near(name, known))]
    raise InputError(
        f"the application needs {names} (config in spotkiln.yaml), and {known.sources} does not "
        f"have {'it' if len(lacking) == 1 else 'them'}: "
        f"`aws ssm put-parameter --type SecureString --name {path}{lacking[0]} --value ...`, or "
        f"take the name out of config{''.join(near)}"
    )


def require_profile(sources: Configuration, profile: str) -> None:
    """Servers read it with the rights of their own role.

    Raises:
        InputError: they have none.
    """
    if sources.asked and not profile:
        raise InputError(
            f"the servers are to read {sources} with a role of their own, and "
            "infra.instance_profile is empty: name one that may "
            "(`spotkiln docs aws` lists its rights)"
        )


def _near(name: str, known: Known) -> str:
    """A parameter that may be meant."""

    def plain(text: str) -> str:
        return re.sub(r"[^a-z0-9]", "", text.lower())

    found = next((one.name for one in known.parameters if plain(one.name) == plain(name)), None)
    return f". There is {found}: rename it to {name}" if found else ""


def in_words(known: Known, required: Sequence[str] = ()) -> list[str]:
    """A line for each thing to know, for `plan` and the log; names only."""
    sources = known.sources
    if not sources.asked:
        return []
    if known.unknown:
        return [f"{sources}: could not be looked at; the servers will see what is there"]
    lines = []
    if sources.parameters:
        names = sorted(known.variables)
        lines.append(f"{', '.join(sources.parameters)}: {_listed(names) or 'no variable'}")
    files = [one.name for one in known.parameters if not is_variable(one.name)]
    if files:
        lines.append(f"no variables, for their names can be none, but files: {_listed(files)}")
    lines += [f"secret {one.name}: its keys are known only to the servers" for one in known.secrets]
    unsure = [name for name in required if name not in known.variables]
    if unsure and known.secrets:
        lines.append(f"not among the parameters, so a secret must have: {', '.join(unsure)}")
    return lines


def _listed(names: Iterable[str]) -> str:
    every = list(names)
    more = f" and {len(every) - SHOWN} more" if len(every) > SHOWN else ""
    return ", ".join(every[:SHOWN]) + more
