"""Where a deployment says that its servers' logs go."""

import base64

import pytest
from pydantic import ValidationError

from spotkiln.bake.logs import Logs, require_role_for
from spotkiln.errors import InputError
from spotkiln.serve.order import settings_digest
from spotkiln.serve.role import SERVER, server_user_data
from spotkiln.serve.spec import FleetSpec
from tests.unit.nouns import infra


@pytest.mark.parametrize("group", ["/shop/production", "shop", "a.b-c_d/e", "x" * 512])
def test_a_group_has_a_name_that_aws_takes(group: str) -> None:
    assert Logs(group=group).user_data == f"# spotkiln-logs: {group} 30\n"


@pytest.mark.parametrize(
    "group", ["a b", "a\n# spotkiln-role: server", "a\n", "$HOME", "é", "aws/mine", "x" * 513]
)
def test_another_name_is_refused(group: str) -> None:
    with pytest.raises(ValidationError, match="expected the name of a log group"):
        Logs(group=group)


def test_they_stay_as_long_as_aws_offers() -> None:
    assert Logs(group="/a", retention_days=0).user_data == "# spotkiln-logs: /a 0\n"
    assert Logs(group="/a", retention_days=365).retention_days == 365
    with pytest.raises(ValidationError, match="expected one of the numbers of days"):
        Logs(group="/a", retention_days=31)


def test_machines_are_told_by_their_user_data_if_it_is_asked_for() -> None:
    def told(text: str) -> str:
        return base64.b64decode(text).decode()

    assert told(server_user_data()) == SERVER
    assert told(server_user_data(logs=Logs(group="/a"))) == f"{SERVER}# spotkiln-logs: /a 30\n"


def test_without_a_role_nothing_can_be_written() -> None:
    require_role_for(Logs(), "")
    require_role_for(Logs(group="/a"), "website")
    with pytest.raises(InputError, match=r"write their logs to /a .* infra.instance_profile"):
        require_role_for(Logs(group="/a"), "")


def test_servers_are_launched_anew_when_their_logs_go_elsewhere() -> None:
    """And not because this setting came into the world."""
    spec, found = FleetSpec(), infra()

    def digest(logs: Logs) -> str:
        return settings_digest(spec, found.model_copy(update={"logs": logs}))

    assert digest(Logs()) == digest(Logs(retention_days=7)) == settings_digest(spec, found)
    digests = {digest(Logs()), digest(Logs(group="/a")), digest(Logs(group="/a", retention_days=7))}
    assert len(digests) == 3
