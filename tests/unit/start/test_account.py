"""One Prefect may serve several accounts: who works in which."""

from uuid import UUID

import pytest

from spotkiln.cli import deployment as deployments
from spotkiln.errors import InputError
from spotkiln.start.deployment import Account, Deployment, of_account, serving
from tests.unit.prefect_api import answers
from tests.unit.prefect_api.conftest import FakeApi

ROLE = "arn:aws:iam::210987654321:role/spotkiln-worker"
STAGING, PRODUCTION = Account(pool="staging"), Account(pool="production")
IN_ROLE = Account(pool="staging", role=ROLE)


def of(account: Account, name: str) -> Deployment:
    return Deployment(id=UUID(int=1), name=name, pool=account.pool, role=account.role)


def test_what_works_for_all_applications_of_an_account_is_never_that_of_another() -> None:
    known = [of(STAGING, "run/command"), of(PRODUCTION, "run/command-production")]
    assert serving(known, STAGING, "command") == known[0]
    assert serving(known, PRODUCTION, "command") == known[1]
    # The same workers, in a role of another account.
    assert serving(known, IN_ROLE, "command") is None
    # Of several there the one of that name.
    more = [of(STAGING, "run/another"), *known]
    assert serving(more, STAGING, "command") == known[0]


def test_a_run_without_a_deployment_knows_no_account() -> None:
    known = [of(STAGING, "release/shop"), of(PRODUCTION, "release/shop-production")]
    assert of_account(known, None) == known
    assert of_account(known, PRODUCTION) == known[1:]


def test_a_command_for_production_is_not_carried_out_in_staging(fake: FakeApi) -> None:
    staging = answers.deployment("command", work_pool_name="staging")
    fake.answers["POST /deployments/filter"] = lambda _: (200, [staging])
    with pytest.raises(InputError) as said:
        deployments.beside("run", "command", of(PRODUCTION, "release/shop-production"))
    assert str(said.value).startswith(
        "release/shop-production acts in work pool production, and no deployment of the flow run "
        "does; there are: run/command (work pool staging)"
    )
    found = deployments.beside("run", "command", of(STAGING, "release/shop"))
    assert found.name == "run/command"


@pytest.mark.parametrize(
    ("variables", "role"),
    [
        ({"env": {"SPOTKILN_ROLE_ARN": ROLE}}, ROLE),
        ({"env": {"SPOTKILN_ROLE_ARN": ""}}, ""),
        ({"env": None}, ""),
        ({"env": ["SPOTKILN_ROLE_ARN"]}, ""),
        ({}, ""),
    ],
)
def test_the_role_stands_in_the_job_variables(fake: FakeApi, variables: object, role: str) -> None:
    its = answers.deployment("command", work_pool_name="staging", job_variables=variables)
    fake.answers["POST /deployments/filter"] = lambda _: (200, [its])
    (found,) = deployments.listing("run")
    assert found.account == Account(pool="staging", role=role)
