"""Looks whether what is baked could be shared with other accounts."""

from collections.abc import Sequence

from spotkiln.aws.bake.keys import AWS_OWN, keys_by_default, keys_of
from spotkiln.aws.errors import aws_errors
from spotkiln.aws.session import Aws, client_of
from spotkiln.bake.disk import Disk
from spotkiln.bake.infra import Infra
from spotkiln.errors import InputError, PermissionDenied


def check_sharing(aws: Aws, accounts: Sequence[str], infra: Infra) -> list[str]:
    """What could not be checked, in words. Where nothing is baked, nothing is looked at: nothing
    may stand between a person and a rollback.

    Raises:
        InputError: one is the account itself, or what is baked will be encrypted by AWS's own key.
    """
    if not accounts or infra.base_image is None:
        return []
    if infra.account in accounts:
        raise InputError(
            f"images.share_with names {infra.account}, which is this account itself: leave it out"
        )
    try:
        for key in _keys(aws, infra):
            if _is_aws_own(aws, key):
                raise InputError(
                    f"images.share_with: what is baked from base image {infra.base_image} is "
                    f"encrypted by AWS's own key {key}, and no other account can use it. Bake the "
                    "base image where EBS encrypts by a key of yours that those accounts may use "
                    "(aws ec2 modify-ebs-default-kms-key-id), or leave share_with out"
                )
    except PermissionDenied as error:
        return [f"whether images can be shared was not checked: {error}"]
    return []


def _keys(aws: Aws, infra: Infra) -> list[str]:
    """Of the image to come: a snapshot is encrypted as the one was that its volume came from, else
    by the account's default, if that is to encrypt."""
    if encrypted := [one for base in infra.bases for one in base.encrypted]:
        return keys_of(aws, Disk(), encrypted)
    return keys_by_default(aws)


def _is_aws_own(aws: Aws, key: str) -> bool:
    if key.endswith(AWS_OWN):
        return True
    with aws_errors(f"KMS key {key}"):
        found = client_of(aws, "kms").describe_key(KeyId=key)["KeyMetadata"]
    return bool(found.get("KeyManager") == "AWS")
