"""Why EC2 ended a machine that bakes or tests, where that was none of Packer's doing.

Packer knows of it as a machine in an unexpected state, or as a lost connection.
"""

from spotkiln.noun import Noun
from spotkiln.target import End, Instance

# What ends a second one in the same way, and what to do.
LASTING = {
    End.KEY_REFUSED: "See that the key is enabled and that it may be used: for an On-Demand one "
    "by the worker's rights, for a Spot one by a grant to EC2's own role: `spotkiln docs images`",
    End.VOLUME_QUOTA: "Remove volumes, or ask AWS (Service Quotas, EBS) for more",
    End.SNAPSHOT_GONE: "Name another base image, or have it made anew",
}
# What may not happen to the next one.
PASSING = {
    End.BY_EC2: "Try again",
    End.FROM_INSIDE: "Does a script of the build shut the machine down?",
}
# EC2 has it for a key that the machine may not use. One that is disabled has a code of its own.
KEY_WITHOUT_RIGHT = "Client.InternalError"


class MachineEnd(Noun):
    """`lasting`: another machine of the kind would end in the same way."""

    why: str
    lasting: bool = False

    @classmethod
    def of(cls, machine: Instance | None) -> "MachineEnd | None":
        """None if it was not ended, or by somebody: Packer ends its machines itself."""
        advice = {**LASTING, **PASSING}.get(machine.end) if machine and machine.end else None
        if machine is None or advice is None:
            return None
        text = f"{machine.id} ended ({machine.lost_by}): {machine.end}. {advice}"
        return cls(why=text, lasting=machine.end in LASTING)


def helped_by_on_demand(machine: Instance) -> bool:
    """Whether an On-Demand machine may do what this Spot one could not: a KMS key is used in the
    worker's name then, without a grant to EC2's own role; and other hardware may be well."""
    return machine.end is End.BY_EC2 or machine.lost_by == KEY_WITHOUT_RIGHT
