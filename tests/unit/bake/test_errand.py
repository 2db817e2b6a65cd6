"""One command on a machine of its own: what Packer is given, what is heard, how it ended."""

from pathlib import Path
from typing import Any

import pytest

from spotkiln.bake.builder import Access, BuildSettings, Machine
from spotkiln.bake.errand import (
    Ended,
    Errand,
    Listener,
    errand_variables,
    profile_name,
    read_end,
    require_check_passed,
    require_migrated,
    require_smoke_passed,
    script_of,
    trial_script,
)
from spotkiln.errors import CutOff as Cut
from spotkiln.errors import GateFailed, MigrationFailed, UnitFailed, may_be_tried_again
from tests.unit.nouns import PROFILE, settled

BUILD = BuildSettings()
ROLE = "Id=shop-role.service\nType=oneshot\nActiveState=active\nResult=success\n"


def errand(**changes: Any) -> Errand:
    settings = {
        "owner": "shop-0123456789ab",
        "app": "shop",
        "image": "ami-1",
        "script": "bin/rails db:migrate\n",
        "seconds": 600,
        "tags": {"spotkiln:role": "migration"},
        "builder": BUILD,
        "region": "eu-west-1",
        "vpc": "vpc-1",
        "subnets": ("subnet-a", "subnet-b"),
        "groups": ("sg-default", "sg-rails"),
        "login": "admin",
        "profile": "website",
        "configuration": "# spotkiln-parameters: /shop/production/\n",
        "folder": Path("/runs/1"),
    }
    return Errand.model_validate({**settings, **changes})


def test_the_machine_is_as_the_servers_are() -> None:
    machine = Machine(
        builder=BUILD,
        region="eu-west-1",
        vpc="vpc-1",
        subnets=("subnet-a", "subnet-b"),
        endpoint="",
        login="admin",
        access=Access(security_group="sg-ssh", key_pair="spotkiln-builder-1"),
    )
    found = errand_variables(machine, errand(), Path("/runs/1/command"), Path("/runs/1/report"))
    assert found == {
        "region": "eu-west-1",
        "endpoint": "",
        "instance_type": "t3.small",
        "vpc_id": "vpc-1",
        "subnet_id": "subnet-a",
        "public_address": "",
        "ssh_interface": "public_ip",
        "ssh_username": "admin",
        "key_pair_name": "spotkiln-builder-1",
        "security_group_ids": ["sg-ssh", "sg-default", "sg-rails"],
        "iam_instance_profile": "website",
        "source_ami": "ami-1",
        "run_tags": {"spotkiln:role": "migration"},
        "app_name": "shop",
        "configuration": "# spotkiln-parameters: /shop/production/\n",
        "command_file": "/runs/1/command",
        "seconds": 600,
        "report_dir": "/runs/1/report",
    }
    # The command is in a file: neither on a command line, nor in a tag.
    assert "migrate" not in str({**found, "run_tags": ""})


def test_an_instance_profile_is_named_as_packer_wants_it() -> None:
    assert profile_name(PROFILE) == "website"
    assert profile_name("arn:aws:iam::123456789012:instance-profile/teams/shop/web") == "web"
    assert profile_name("") == ""


@pytest.mark.parametrize(
    ("arguments", "script"),
    [
        (["bin/rails", "runner", "puts 1"], "exec bin/rails runner 'puts 1'\n"),
        (["echo", "$HOME; `id`", "it's", ""], "exec echo '$HOME; `id`' 'it'\"'\"'s' ''\n"),
        (["echo", "a\nb"], "exec echo 'a\nb'\n"),
    ],
)
def test_arguments_are_quoted_exactly(arguments: list[str], script: str) -> None:
    assert script_of(arguments) == script


def test_the_commands_own_lines_are_told_apart() -> None:
    own: list[str] = []
    others: list[str] = []
    listener = Listener(own.append, others.append)
    name = "amazon-ebsvolume.task"
    assert not listener.begun
    for text in (
        f"==> {name}: Launching a source AWS instance...",
        f"    {name}: Instance ID: i-1",
        f"    {name}: task: it begins",
        f"    {name}:   Migrating, indented",
        f"    {name}:",
        f"==> {name}: on its standard error",
        f"    {name}: task: it has ended",
        f"==> {name}: Terminating the source AWS instance...",
    ):
        listener.hear(text)
    assert listener.begun
    assert own == ["  Migrating, indented", "", "on its standard error"]
    assert others == [
        f"==> {name}: Launching a source AWS instance...",
        f"    {name}: Instance ID: i-1",
        f"==> {name}: Terminating the source AWS instance...",
    ]


def home(folder: Path, facts: str, output: str = "", journal: str = "") -> Path:
    (folder / "facts").write_text(f"[units]\n{facts}")
    (folder / "output").write_text(output)
    (folder / "journal.log").write_text(journal)
    return folder


def unit(code: int, status: int, result: str = "success", state: str = "active") -> str:
    return (
        f"{ROLE}\nId=shop-task.service\nType=oneshot\nActiveState={state}\nResult={result}\n"
        f"ExecMainCode={code}\nExecMainStatus={status}\n"
    )


@pytest.mark.parametrize(
    ("shown", "ended"),
    [
        (unit(1, 0), Ended(code=0, last_lines="said")),
        (
            unit(1, 3, "exit-code", "failed"),
            Ended(code=3, why="it ended with exit status 3", last_lines="said"),
        ),
        (
            unit(2, 15, "signal", "failed"),
            Ended(code=143, why="signal 15 ended it", last_lines="said"),
        ),
        (
            unit(2, 15, "timeout", "failed"),
            Ended(
                code=124,
                why="it took longer than its limit of 600 s, and was ended",
                last_lines="said",
            ),
        ),
    ],
)
def test_how_it_ended(tmp_path: Path, shown: str, ended: Ended) -> None:
    assert read_end(home(tmp_path, shown, "said\n"), errand()) == ended


def test_a_known_cause_is_told(tmp_path: Path) -> None:
    output = 'connection to server at "10.0.0.9", port 5432 failed: Connection refused\n'
    ended = read_end(home(tmp_path, unit(1, 1, "exit-code", "failed"), output), errand())
    assert ended
    assert ended.why.startswith(
        'it ended with exit status 1. Cause: what it needs at "10.0.0.9", port 5432 does not answer'
    )
    killed = read_end(home(tmp_path, unit(2, 9, "oom-kill", "failed")), errand())
    assert killed
    assert killed.code == 137
    assert "`build.instance_type`" in killed.why


def test_no_password_comes_home(tmp_path: Path) -> None:
    output = "cannot reach postgres://shop:s3cret@db/shop\n"
    ended = read_end(home(tmp_path, unit(1, 1, "exit-code", "failed"), output), errand())
    assert ended
    assert "s3cret" not in str(ended)


def test_a_machine_that_could_not_be_prepared(tmp_path: Path) -> None:
    failed = ROLE.replace("active", "failed").replace("success", "exit-code")
    facts = (
        f"{failed}ExecMainCode=1\nExecMainStatus=1\n\nId=shop-task.service\nActiveState=inactive\n"
    )
    journal = (
        "2026-11-26T01:00:44+0000 shop shop-role[6]: role: no user data; nothing starts here\n"
    )
    with pytest.raises(UnitFailed) as found:
        read_end(home(tmp_path, facts, journal=journal), errand())
    assert found.value.message.startswith("nothing was carried out: shop-role.service failed")
    assert found.value.last_lines == "role: no user data; nothing starts here"


@pytest.mark.parametrize("facts", ["", f"{ROLE}\nId=shop-task.service\nActiveState=inactive\n"])
def test_a_machine_that_told_nothing(tmp_path: Path, facts: str) -> None:
    assert read_end(home(tmp_path, facts), errand()) is None
    assert read_end(tmp_path / "nowhere", errand()) is None


def test_a_migration_that_did_not_end_well() -> None:
    app = settled()
    require_migrated(Ended(code=0), app)
    with pytest.raises(MigrationFailed) as found:
        require_migrated(Ended(code=124, why="it took too long", last_lines="said"), app)
    assert "it took too long (`migrate_seconds`). Nothing was launched" in found.value.message
    assert "`bundle exec rails db:migrate`" in found.value.message
    assert found.value.last_lines == "said"


def test_a_smoke_test_is_told_where_the_new_servers_answer() -> None:
    told = trial_script("npm run smoke && echo ok", "https://shop.example:8443")
    assert told == "export URL=https://shop.example:8443\nnpm run smoke && echo ok\n"


def test_a_smoke_test_that_did_not_end_well() -> None:
    require_smoke_passed(Ended(code=0), "npm run smoke")
    with pytest.raises(GateFailed) as found:
        require_smoke_passed(Ended(code=124, why="it took too long", last_lines="said"), "npm x")
    assert "it took too long (`traffic.smoke_seconds`). No request was" in found.value.message
    assert found.value.message.endswith("as `npm x`")
    assert (found.value.cause, found.value.last_lines) == ("smoke", "said")


def test_a_check_that_did_not_end_well() -> None:
    require_check_passed(Ended(code=0), "npm run check")
    with pytest.raises(GateFailed) as found:
        require_check_passed(Ended(code=124, why="it took too long", last_lines="said"), "npm x")
    assert found.value.message.endswith("it took too long (`traffic.check_seconds`), as `npm x`")
    assert (found.value.cause, found.value.last_lines) == ("check", "said")


def test_a_command_that_has_begun_is_not_tried_again() -> None:
    assert not may_be_tried_again(Cut("the machine was lost"))
