"""Private indexes: what package managers and git say when one wants to know who asks, and which
variable each takes the login from."""

import re
from collections.abc import Callable

from spotkiln.bake.facts import Facts, Where

HOST = re.compile(r"(?:https?://|for ['`(]?)(?:[^/\s@'\"]*@)?((?:[\w-]+\.)+[\w-]+|localhost)")
URL = r"['`(\\\"]*https?://"

NPM = (
    r"npm (?:ERR!|error) (?:code )?E?40[13]\b",
    r"npm (?:ERR!|error) (?:code )?E?NEEDAUTH\b",
    r"Unable to authenticate, your authentication token seems to be invalid",
    r"ERR_PNPM_FETCH_40[13]",
    r"Request failed \\?\"40[13] ",
    r"YN00(?:33|41)\b",
)
BUNDLER = (
    r"Authentication is required for \S+",
    r"Bad username or password for \S+",
    r"Access token could not be authenticated for \S+",
    r"bad response (?:Unauthorized|Forbidden) 40[13]",
)
PYTHON = (
    rf"ERROR: HTTP error 40[13] while getting {URL}",
    rf"40[13] Client Error: .*for url: {URL}",
    rf"HTTP status client error \(40[13] [\w ]+\) for url {URL}",
    r"could not be queried due to a lack of valid authentication",
)
# pip calls it a warning, and goes on to say that there is no such package.
WARNED = (rf"40[13] Error, Credentials not correct for {URL}",)
GIT = (
    r"could not read Username for '",
    r"Authentication failed for '",
    r"terminal prompts disabled",
)


def _npm(host: str) -> str:
    return f"NPM_TOKEN, and let .npmrc have //{host or 'HOST'}/:_authToken=${{NPM_TOKEN}}"


def _bundler(host: str) -> str:
    """Bundler's own rule for what an address is called in the environment."""
    name = host.upper().replace("-", "___").replace(".", "__")
    return f"BUNDLE_{name or 'HOST'}, which is USER:PASSWORD"


def _python(host: str) -> str:
    address = f"https://USER:PASSWORD@{host or 'HOST'}/..."
    return (
        f"PIP_INDEX_URL or PIP_EXTRA_INDEX_URL, which is {address}; of uv UV_INDEX_URL, of Poetry "
        "POETRY_HTTP_BASIC_NAME_PASSWORD"
    )


def _git(host: str) -> str:
    place = host or "HOST"
    return (
        f"GIT_CONFIG_KEY_0, which is url.https://TOKEN@{place}/.insteadOf, with "
        f"GIT_CONFIG_VALUE_0: https://{place}/ and GIT_CONFIG_COUNT: '1' in `build_environment`"
    )


TOOLS: tuple[tuple[tuple[str, ...], Callable[[str], str]], ...] = (
    (NPM, _npm),
    (BUNDLER, _bundler),
    ((*PYTHON, *WARNED), _python),
    (GIT, _git),
)


def refused(match: re.Match[str], facts: Facts) -> tuple[str, str] | None:
    """Of a line that one of these patterns was found in: what is wrong, and which variable to name
    where. None for what the application itself says when it runs: it has no package index."""
    if facts.units or facts.where is Where.SERVER:
        return None
    line = match.string
    found = HOST.search(line)
    host = found[1].rstrip(".").lower() if found else ""
    variable = next(
        tell(host) for patterns, tell in TOOLS if any(re.search(one, line) for one in patterns)
    )
    place = (
        "`build.secrets` of the deployment"
        if facts.where is Where.BUILDER
        else "what `test_configuration` of the deployment names, for the machine that tests has no "
        "`build.secrets`"
    )
    return (
        f"{host or 'a private index'} does not know who asks, or does not let them in",
        f"Give the login by {place}: {variable}. If it is there, see whether it is still good",
    )
