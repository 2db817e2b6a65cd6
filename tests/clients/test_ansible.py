"""Ansible's amazon.aws collection: what it makes is there, and is found again."""

import re
from pathlib import Path

import pytest

from sandbox.client import Sandbox
from tests.clients.conftest import Run
from tests.sandbox.account import Account

# A playbook takes a minute, and several on a busy machine.
pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(1800)]

PLAYBOOK = Path(__file__).with_name("playbook.yml")
INTERPRETER = "ansible_python_interpreter"


def test_a_playbook_twice_and_its_removal(
    run: Run, clients: Path, account: Account, box: Sandbox
) -> None:
    python = f"{INTERPRETER}={clients / 'ansible' / 'bin' / 'python'}"
    play = ("ansible", "ansible-playbook", str(PLAYBOOK), "-e", python)
    before = box.inventory()
    run(*play, "-e", "first=true")
    assert box.inventory()["instances"]["count"] == 1
    again = run(*play)
    assert re.search(r"changed=0\b", again), again
    run(*play, "-e", "remove=true")
    assert box.inventory() == before
    assert [one["LoadBalancerName"] for one in balancers(account)] == ["website"]


def balancers(account: Account) -> list[dict[str, str]]:
    return list(account.elbv2.describe_load_balancers()["LoadBalancers"])
