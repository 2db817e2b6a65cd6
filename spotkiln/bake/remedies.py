"""Remedies: for each cause that a line can show, what is wrong in words, and what to change."""

import re
from pathlib import PurePosixPath

from spotkiln.bake.facts import Facts, Where
from spotkiln.bake.services import SERVICES
from spotkiln.bake.sign import Words

MEMORY = {
    Where.BUILDER: "Choose a larger type for the builder: `build.instance_type`",
    Where.TESTER: "Choose a larger type for the machine that tests, which is the builder's: "
    "`build.instance_type`; look at the servers' `fleet.instance_types` as well",
    Where.SERVER: "Choose larger types for the servers: `fleet.instance_types`",
    Where.TASK: "Choose a larger type for the machine that carries it out, which is the builder's: "
    "`build.instance_type`",
}
ENVIRONMENT = {
    Where.BUILDER: "`build_environment`, which is all that the build has: a stand-in will do; a "
    "secret that the build needs is named in the deployment's `build.secrets`",
    Where.TESTER: "`test_environment` or the deployment's `test_configuration`, which are all that "
    "the units and the tests have on the machine that tests",
    Where.SERVER: "the deployment's `configuration`, or to `environment` if it is no secret",
    Where.TASK: "the deployment's `configuration`, or to `environment` if it is no secret",
}
CONFIGURATION = {
    **dict.fromkeys(Where, "the deployment's `configuration`"),
    Where.TESTER: "the deployment's `test_configuration`",
}


def _caught(match: re.Match[str]) -> str:
    """What the pattern that was found has caught; empty if that catches nothing."""
    return next(filter(None, match.groups()), "")


def read_only(match: re.Match[str], facts: Facts) -> Words:
    path = _caught(match)
    what = f"it writes to {path}, which is read-only" if path else "it writes where it may not"
    return what, f"{_folder_to_change(path, facts)}"


def _folder_to_change(path: str, facts: Facts) -> str:
    state = f"the state folder /var/lib/{facts.app} ($STATE_DIRECTORY)"
    home = PurePosixPath("/srv", facts.app, facts.folder)
    place = PurePosixPath(path)
    inside = place.relative_to(home) if place.is_relative_to(home) else place
    # A file beside the program: what is added must be a folder.
    alone = len(inside.parts) == 1 and inside.suffix
    if not path or inside.is_absolute() or alone:
        return f"Let it write into a folder that `writable` names, or into {state}"
    # Of .next the cache alone: what is beside it is the program.
    hidden = inside.parts[0].startswith(".")
    folder = "/".join(inside.parts[: 2 if hidden else 1])
    return f"Add {folder} to `writable`, or let it write into {state}"


def memory(_: re.Match[str], facts: Facts) -> Words:
    return "the machine has too little memory for it", MEMORY[facts.where]


def heap(_: re.Match[str], facts: Facts) -> Words:
    return (
        "its runtime's own limit for memory is too small",
        (
            "Raise it in the start command or in the environment (Node: NODE_OPTIONS="
            f"--max-old-space-size=...; JVM: -XX:MaxRAMPercentage=...). {MEMORY[facts.where]}"
        ),
    )


def setting(match: re.Match[str], facts: Facts) -> Words:
    name = _caught(match) or "SECRET_KEY_BASE"
    return f"the setting {name} is missing", f"Add {name} to {ENVIRONMENT[facts.where]}"


def lacking(match: re.Match[str], facts: Facts) -> Words:
    return (
        f"its settings {_caught(match)} are missing",
        f"Put them where {CONFIGURATION[facts.where]} says, or take them out of `config`",
    )


def unread(match: re.Match[str], facts: Facts) -> Words:
    return (
        f"the machine could not read its settings: {_caught(match)}",
        (
            "Its role (`infra.instance_profile`) needs the rights that `spotkiln docs aws` lists, "
            f"and a way to AWS; what is read is named by {CONFIGURATION[facts.where]}"
        ),
    )


def django_key(_: re.Match[str], facts: Facts) -> Words:
    return (
        "Django's SECRET_KEY is empty",
        "Add the variable that the settings read it from to " + ENVIRONMENT[facts.where],
    )


def rails_key(_: re.Match[str], facts: Facts) -> Words:
    return (
        "the key of Rails' credentials is missing",
        (
            f"Add RAILS_MASTER_KEY to {ENVIRONMENT[facts.where]}; config/master.key is not in the "
            "repository, and so not in the image"
        ),
    )


def library(match: re.Match[str], _: Facts) -> Words:
    return (
        f"the shared library {_caught(match)} is missing",
        (
            "Add the Debian package that has it to the base image's packages (`apt-file search` "
            "tells which)"
        ),
    )


def headers(match: re.Match[str], _: Facts) -> Words:
    return (
        f"what a native extension is compiled with is missing: {_caught(match) or 'its headers'}",
        (
            "Add the Debian package that has it to the base image's packages: build-essential, "
            "and ruby-dev, python3-dev, libpq-dev or another whose name ends in -dev"
        ),
    )


def glibc(match: re.Match[str], _: Facts) -> Words:
    return (
        f"a program in it was built for a newer system ({_caught(match)})",
        "Build it in `build`, on the base image, or use a base image that is as new",
    )


def interpreter(_: re.Match[str], __: Facts) -> Words:
    return (
        "the interpreter has another version than the application wants",
        (
            "Use a base image with that version (`infra.base_image`), or change the version in the "
            "application's own files"
        ),
    )


def program(match: re.Match[str], _: Facts) -> Words:
    return (
        f"there is no program {_caught(match)}",
        (
            "Name one that is in the image: by its path, or through `bundle exec`, `npx`, "
            "`.venv/bin/`; what the system must have belongs into the base image's packages"
        ),
    )


def dependency(match: re.Match[str], _: Facts) -> Words:
    if _caught(match).startswith((".", "/")):
        return (
            f"there is no file {_caught(match)}",
            (
                "Commit it, or let `build` make it; if it is what is started, name in `start` one "
                "that is there"
            ),
        )
    return (
        f"its dependency {_caught(match)} is not installed",
        (
            "Let `build` install it where the application finds it at run time: inside its own "
            "folder, or in its HOME, which is the same at build and at run"
        ),
    )


def port_taken(_: re.Match[str], __: Facts) -> Words:
    return (
        "its port is taken already, by an earlier process of its own or by another program",
        "Start it once, and let it listen at $PORT alone",
    )


def no_port(_: re.Match[str], __: Facts) -> Words:
    return (
        "it may not listen at that port, which is below 1024",
        "Let it listen at $PORT. To have it at such a port, say so in `port`, or in `health_port`",
    )


def unreachable(match: re.Match[str], facts: Facts) -> Words:
    return (
        f"what it needs at {_caught(match) or 'another address'} does not answer",
        "Name a server that this machine can reach in " + ENVIRONMENT[facts.where],
    )


def left_secret(match: re.Match[str], _: Facts) -> Words:
    return (
        f"the build leaves a secret of `build.secrets` in the image: {_caught(match)}",
        (
            "Let the tool read it from the environment (npm: ${NPM_TOKEN} in .npmrc), or let "
            "`build` remove the file at its end"
        ),
    )


def service_not_there(match: re.Match[str], _: Facts) -> Words:
    name = match[1]
    return (
        f"the base image does not have {name}, which `test_services` names",
        (
            f"Add {SERVICES.get(name, name)} to the packages of the base image, bake it anew, or "
            f"take {name} out of `test_services`"
        ),
    )


def service_down(match: re.Match[str], facts: Facts) -> Words:
    return (
        f"the tests' own {_caught(match)} does not start",
        (
            "Its last lines are above. The machine that tests may be too small for it: "
            f"{MEMORY[facts.where]}; or take it out of `test_services`"
        ),
    )


def tests_limit(_: re.Match[str], __: Facts) -> Words:
    return (
        "the set-up and the tests take longer than their limit",
        "Make `test_seconds` longer than both together, or find what they wait for",
    )
