"""Hooks: who may speak for which repository.

A secret proves who sent a delivery. It does not prove that the sender may speak for any repository
that the delivery names. So a kind of host (GitHub, GitLab ...) speaks only for the repositories of
its own hosts. Where several secrets could sign for a host, each deployment names by a tag the
secret that it trusts.
"""

from collections.abc import Iterable
from enum import StrEnum

from spotkiln.noun import Noun
from spotkiln.start.repository import host_of

# The Prefect variable that tells how the receiver is set up: names of secrets and hosts, no secret.
VARIABLE = "spotkiln_receiver"
# The event of a push that did not start a deployment that it may have been meant for.
NOT_STARTED = "spotkiln.push.not-started"
# A tag of a deployment. It holds the name of a secret, and no secret.
SECRET_TAG = "push:secret="  # noqa: S105


class Host(StrEnum):
    """The kind of sender of a push: a host of repositories, or a CI system."""

    GITHUB = "github"
    GITLAB = "gitlab"
    GITEA = "gitea"
    BITBUCKET = "bitbucket"
    CI = "ci"


# The well-known hosts of each kind: no other kind speaks for these.
HOSTS = {
    Host.GITHUB: ("github.com",),
    Host.GITLAB: ("gitlab.com",),
    Host.GITEA: ("gitea.com", "codeberg.org"),
    Host.BITBUCKET: ("bitbucket.org",),
    Host.CI: (),
}


class Hooks(Noun):
    """By kind of host: the names of its secrets, and the hosts whose repositories it speaks for.

    A kind without hosts has the well-known ones. If no other kind has secrets, it also speaks for
    all hosts that are not known to be another kind's.
    """

    secrets: dict[Host, tuple[str, ...]] = {}  # noqa: RUF012 - pydantic copies defaults
    hosts: dict[Host, tuple[str, ...]] = {}  # noqa: RUF012

    def _served(self) -> list[Host]:
        return [kind for kind in Host if self.secrets.get(kind)]

    def speakers(self, host: str) -> list[Host]:
        """The kinds that have secrets and may speak for the repositories of a host."""
        known = [kind for kind in Host if host in (self.hosts.get(kind) or HOSTS[kind])]
        served = self._served()
        if known:
            return [kind for kind in known if kind in served]
        only = served[0] if len(served) == 1 else None
        return [only] if only and not self.hosts.get(only) and only is not Host.CI else []

    def heard(self, kind: Host, repositories: Iterable[str]) -> tuple[str, ...]:
        """Of a payload's names of its repository, those that this kind may speak for."""
        return tuple(x for x in repositories if kind in self.speakers(host_of(x)))

    def unheard(self, kind: Host, repository: str) -> str:
        """Why a payload of this kind counts for nothing at that repository."""
        host = host_of(repository)
        return (
            f"signed as {kind}, whose word does not count for repositories at {host}: if they are "
            f"its own, set {variable(kind)} to all of its hosts, with spaces between"
        )

    def objection(self, repository: str, wanted: tuple[str, ...]) -> str:
        """Why no push starts a deployment of this repository that wants to be signed for by one of
        these secrets; empty if one can."""
        host = host_of(repository)
        names = {name for kind in self.speakers(host) for name in self.secrets[kind]}
        listed = ", ".join(sorted(names))
        if not names:
            return (
                f"no hook of the receiver speaks for repositories at {host}: set the variable "
                f"{variable('…')} of the kind of host that it is; or, if it is an alias of "
                "~/.ssh/config, SPOTKILN_RECEIVER_SSH_CONFIG"
            )
        if wanted and not names & set(wanted):
            return f"{SECRET_TAG}{' and '.join(wanted)}: for {host} there are the secrets {listed}"
        if not wanted and len(names) > 1:
            return (
                f"several secrets may sign for repositories at {host} ({listed}): add the tag "
                f"{SECRET_TAG}NAME, with the name of the one that this repository's hook has"
            )
        return ""


def variable(kind: str) -> str:
    return f"SPOTKILN_RECEIVER_{kind.upper()}_HOSTS"
