"""Logs: where a machine's journal goes, so that it is there when the machine is gone."""

import re

from pydantic import Field, field_validator

from spotkiln.errors import InputError
from spotkiln.noun import ShownNoun

# Nothing else is needed in a name, and systemd/role.sh takes these unquoted.
GROUP = r"^(?!aws/)[A-Za-z0-9_./-]{1,512}$(?!\n)"
# What PutRetentionPolicy takes.
DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557),
    *(2922, 3288, 3653),
)


class Logs(ShownNoun):
    """A log group of CloudWatch Logs. Each unit of each machine has a stream there."""

    group: str = Field(
        default="",
        title="Log group",
        description="In CloudWatch Logs: the servers write the journal of the application's units "
        "there, such as /shop/production. Empty: it stays on the servers.",
    )
    retention_days: int = Field(
        default=30,
        ge=0,
        le=3653,
        title="Kept for (days)",
        description="When CloudWatch Logs deletes what is older, as the log group has it. 0: as "
        "the group says already.",
    )

    @field_validator("group")
    @classmethod
    def _is_a_group(cls, group: str) -> str:
        if group and not re.search(GROUP, group):
            raise ValueError(
                f"expected the name of a log group such as /shop/production, of letters, digits "
                f"and ._-/ alone and not of AWS's own (aws/), got {group!r}"
            )
        return group

    @field_validator("retention_days")
    @classmethod
    def _is_a_choice(cls, days: int) -> int:
        if days not in (0, *DAYS):
            raise ValueError(
                f"expected one of the numbers of days that CloudWatch Logs takes "
                f"({', '.join(map(str, DAYS))}), or 0 to leave the group's as it is, got {days}"
            )
        return days

    @property
    def user_data(self) -> str:
        """The line that tells a machine; a comment to cloud-init (systemd/role.sh)."""
        return f"# spotkiln-logs: {self.group} {self.retention_days}\n" if self.group else ""


def require_role_for(logs: Logs, profile: str) -> None:
    """Servers write with the rights of their own role.

    Raises:
        InputError: they have none.
    """
    if logs.group and not profile:
        raise InputError(
            f"the servers are to write their logs to {logs.group} with a role of their own, and "
            "infra.instance_profile is empty: name one that may "
            "(`spotkiln docs aws` lists its rights)"
        )
