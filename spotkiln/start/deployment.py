"""Deployment: an application as Prefect knows it, with the settings that its releases run with."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from spotkiln.noun import Noun

RELEASE = "release"
ROLLBACK = "rollback"
# Of each of these two there is one in an account; where there is one account, of the same name.
RECONCILE = "reconcile"
NIGHTLY = "nightly"
# One for all applications of an account: `run/command`.
RUN, COMMAND = "run", "command"
# One for all applications of an account: `retire/application`.
RETIRE, APPLICATION = "retire", "application"
# How a person names one: with its flow or without. Prefect allows no slash in a name.
NAME = rf"^({RELEASE}/)?[^/\s]([^/]*[^/\s])?$"
NAME_IN_WORDS = "the name of a release's deployment, such as shop"
# Beside release/NAME: makes environments for branches.
PREVIEW = "preview"
# The work pool that prefect.yaml names.
POOL = "spotkiln"
# The work queue of what must not wait for a slot: rollbacks and reconcile (prefect.yaml).
URGENT = "urgent"
# Where a deployment's runs have the role that they assume: in the `env` of its job variables.
ROLE_ARN = "SPOTKILN_ROLE_ARN"


class Account(Noun):
    """In which AWS account a deployment's runs act, as far as Prefect knows: in that of its work
    pool's workers, or in that of a role which its runs assume. Two pools are taken for two
    accounts: nothing in Prefect says more."""

    pool: str = ""
    role: str = ""

    def __str__(self) -> str:
        pool = f"work pool {self.pool}" if self.pool else "no work pool"
        return f"{pool}, in role {self.role}" if self.role else pool


class Deployment(Noun):
    """`name` is the flow's and its own: `release/shop`. `role`: what its runs assume, if they act
    in another account than their workers. `ready`: whether a worker polls its pool; None if
    Prefect does not say. `schedules` is how many are active."""

    id: UUID
    name: str
    pool: str = ""
    role: str = ""
    queue: str = ""
    ready: bool | None = None
    paused: bool = False
    schedules: int = 0
    tags: tuple[str, ...] = ()
    parameters: dict[str, Any] = {}  # noqa: RUF012 - pydantic copies defaults

    @property
    def flow(self) -> str:
        """The name of its flow: `release`."""
        return self.name.partition("/")[0]

    @property
    def short(self) -> str:
        """Its own name, without the flow's: `shop`."""
        return self.name.partition("/")[2]

    @property
    def account(self) -> Account:
        return Account(pool=self.pool, role=self.role)

    def at_ref(self, ref: str) -> "Deployment":
        """The same with another git ref; empty: the same."""
        if not ref:
            return self
        return self.model_copy(update={"parameters": {**self.parameters, "ref": ref}})


def of_account(deployments: Iterable[Deployment], account: Account | None) -> list[Deployment]:
    """Those whose runs act there. None: it is not known, and all are taken."""
    return [one for one in deployments if account in (None, one.account)]


def serving(deployments: Iterable[Deployment], account: Account, name: str) -> Deployment | None:
    """The deployment that does its work for all applications of an account; of several there the
    one of that name. None: nothing does it there, and one of another account must not."""
    there = of_account(deployments, account)
    return next((one for one in there if one.short == name), next(iter(there), None))


def worker_of(pool: str) -> str:
    """The command that starts a worker of a pool, in words."""
    return f"`spotkiln worker --pool {pool}` (for a pool of containers: `spotkiln docs team`)"
