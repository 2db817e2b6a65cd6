"""Terraform with its provider: the module of `spotkiln account template` makes an account, in which
nothing is to be changed afterwards, not even when a release was there."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sandbox.client import Sandbox
from spotkiln.account.template import template
from spotkiln.account.terraform.module import module
from spotkiln.aws.release.rights import every
from tests.clients.conftest import said_by
from tests.sandbox.account import Account

# Its provider waits a minute after it has made a load balancer.
pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(1800)]

NOTHING_TO_CHANGE, FAILED, SOMETHING = 0, 1, 2
Terraform = Callable[..., str]


@pytest.fixture(scope="module")
def box(clients: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Of an account that has nothing yet: the module makes the worker's role."""
    del clients
    folder = tmp_path_factory.mktemp("empty")
    with Sandbox.start(folder, speed=100, account={"target_groups": []}) as started:
        yield started


@pytest.fixture
def terraform(clients: Path, box: Sandbox, account: Account, tmp_path: Path) -> Terraform:
    """Runs a command of it in a folder with the module; returns what it printed."""
    del clients
    if not shutil.which("terraform"):
        pytest.skip("no Terraform is here")
    (vpc,) = account.ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
    said = {
        "Name": "acme",
        "Vpc": vpc["VpcId"],
        "Subnets": list(account.subnets().values())[:2],
        "FleetRoleName": "acme-fleets",
    }
    (tmp_path / "main.tf.json").write_text(json.dumps(module(template(every()))))
    (tmp_path / "terraform.tfvars.json").write_text(json.dumps(said))

    def run(*arguments: str, ends_with: int = 0) -> str:
        command = ["terraform", f"-chdir={tmp_path}", *arguments, "-no-color", "-input=false"]
        return said_by(command, box.process_environment(), ends_with)

    return run


def test_an_account_and_its_removal(terraform: Terraform, account: Account, box: Sandbox) -> None:
    before = box.inventory()
    # TF_CLI_ARGS_init=-plugin-dir=FOLDER takes the provider from there.
    terraform("init")
    terraform("apply", "-auto-approve")
    # The sandbox names a load balancer only when its listener is there: the output changes once.
    terraform("apply", "-refresh-only", "-auto-approve")
    plan = ("plan", "-detailed-exitcode")
    terraform(*plan, ends_with=NOTHING_TO_CHANGE)
    as_a_release_does(account)
    terraform(*plan, ends_with=NOTHING_TO_CHANGE)
    told = terraform(*plan, "-var=HealthPath=/health", ends_with=SOMETHING)
    assert "2 to change" in told
    terraform("destroy", "-auto-approve")
    assert box.inventory() == before


@pytest.mark.parametrize(
    ("said", "refused"),
    [
        (["LoadBalancer=no"], "LoadBalancer=no needs the Listener of one that is there"),
        (["LoadBalancer=no", "Listener=arn"], "LoadBalancer=no needs the BalancerGroup of one"),
        (["WorkerExternalId=shop"], "EC2 says no external id: WorkerExternalId needs WorkerTrust"),
    ],
)
def test_variables_that_do_not_go_together(
    terraform: Terraform, said: list[str], refused: str
) -> None:
    terraform("init")
    told = terraform("plan", *(f"-var={one}" for one in said), ends_with=FAILED)
    assert refused in told


def as_a_release_does(account: Account) -> None:
    """A tag on the target group; all requests to the other one."""
    names = ["acme", "acme-green"]
    found = account.elbv2.describe_target_groups(Names=names)["TargetGroups"]
    arns = {one["TargetGroupName"]: one["TargetGroupArn"] for one in found}
    tag = {"Key": "spotkiln:lease", "Value": "somebody"}
    account.elbv2.add_tags(ResourceArns=[arns["acme"]], Tags=[tag])
    (balancer,) = account.elbv2.describe_load_balancers(Names=["acme"])["LoadBalancers"]
    where = {"LoadBalancerArn": balancer["LoadBalancerArn"]}
    (listener,) = account.elbv2.describe_listeners(**where)["Listeners"]
    rules = account.elbv2.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]
    (rule,) = [one for one in rules if not one["IsDefault"]]
    to = [{"TargetGroupArn": arns[name], "Weight": one} for one, name in enumerate(names)]
    forward = {"Type": "forward", "ForwardConfig": {"TargetGroups": to}}
    account.elbv2.modify_rule(RuleArn=rule["RuleArn"], Actions=[forward])
