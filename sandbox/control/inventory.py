"""What exists in the account beyond what it began with."""

from typing import Any

from sandbox.state.account import Account
from sandbox.state.records import ACCOUNT_ID


class Inventory:
    def __init__(self, account: Account) -> None:
        self._account = account
        self.begin()

    def begin(self) -> None:
        """Remember the key pairs and security groups that the account begins with."""
        self._key_pairs = set(self._account.ec2.key_pairs)
        self._groups = set(self._security_groups())

    def _security_groups(self) -> list[str]:
        groups: Any = self._account.ec2.groups
        return [group_id for by_id in groups.values() for group_id in by_id]

    def take(self) -> dict[str, dict[str, Any]]:
        """{"count", "ids"} by kind: instances that have not ended, fleets that are not cancelled,
        Auto Scaling groups, scalable targets, the account's own images and snapshots, and what else
        there is."""
        with self._account.lock:
            state, ec2 = self._account.state, self._account.ec2
            found = {
                "instances": [i for i, r in state.instances.items() if r.ended_at is None],
                "fleets": [i for i, f in state.fleets.items() if f.ended_at is None],
                "scaling_groups": list(state.scaling_groups),
                "scalable_targets": list(state.scalable),
                "images": [i for i, a in ec2.amis.items() if a.owner_id == ACCOUNT_ID],
                "snapshots": [i for i, s in ec2.snapshots.items() if s.owner_id == ACCOUNT_ID],
                "key_pairs": [name for name in ec2.key_pairs if name not in self._key_pairs],
                "security_groups": [g for g in self._security_groups() if g not in self._groups],
                "volumes": list(ec2.volumes),
                "launch_templates": list(ec2.launch_templates),
            }
        outside = {"containers": [], **self._account.machines.leftovers()}
        return {kind: {"count": len(ids), "ids": ids} for kind, ids in {**found, **outside}.items()}
