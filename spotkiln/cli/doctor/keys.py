"""The KMS keys of disks that the worker's own rights decide about."""

from collections.abc import Iterable

from spotkiln.aws.bake.keys import keys_of, keys_of_worker
from spotkiln.aws.release.rights import who
from spotkiln.aws.session import Aws
from spotkiln.bake.disk import Disk
from spotkiln.bake.infra import BaseImage
from spotkiln.errors import PermissionDenied


def own_keys(aws: Aws, disk: Disk, bases: Iterable[BaseImage]) -> tuple[str, ...]:
    """ARNs of those of the servers' disks, and of what is baked. Without the right to look at keys
    none is known.

    Raises:
        InputError: the policy of one leaves no room for rights.
    """
    try:
        found = {key for base in bases for key in keys_of(aws, disk, base.encrypted)}
        by_rights, _ = keys_of_worker(aws, sorted(found), who(aws)) if found else ([], [])
    except PermissionDenied:
        return ()
    return tuple(by_rights)
