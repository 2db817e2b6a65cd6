"""What is read of the payloads of an example's repository."""

from typing import Any

from spotkiln.receiver.payload import pushes_of
from spotkiln.start.hooks import Host
from spotkiln.start.push import Ignored, Push
from tests.receiver.deliveries import (
    encoded,
    headers,
    host_of,
    payload,
)

REPOSITORY = {
    Host.GITHUB: "github.com/acme/shop",
    Host.GITLAB: "gitlab.example.com/acme/shop",
    Host.GITEA: "gitea.example.com/acme/shop",
    Host.BITBUCKET: "bitbucket.org/acme/shop",
    Host.CI: "git.example.com/acme/shop",
}
# Those whose payloads are of one shape.
ALIKE = [Host.GITHUB, Host.GITLAB, Host.GITEA]


ZEROS = "0" * 40


def parsed(name: str, **changes: Any) -> Push | Ignored:
    """The only one."""
    body = encoded(payload(name, **changes))
    found = pushes_of(host_of(name), headers(name), body, "hooks")
    if isinstance(found, Ignored):
        return found
    (push,) = found
    return push
