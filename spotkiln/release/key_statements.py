"""The rights that concern the KMS keys of disks; see statements.py."""

from spotkiln.statement import Condition, Statement

KEYS_OF_DISKS, OWN_KEYS = "keys of disks", "own keys of disks"
# EC2 uses a key for whoever launches, in that one's name. In China its name has another end.
_BY_EC2 = ("ec2.{region}.amazonaws.com", "ec2.{region}.amazonaws.com.cn")
_VIA: Condition = {"StringEquals": {"kms:ViaService": _BY_EC2}}

LOOK_AT_KEYS = (
    Statement(
        sid="EncryptedByDefault",
        task="look up infrastructure",
        why="disks need a key where the account encrypts all; AWS's own key cannot be shared",
        actions=("ec2:GetEbsEncryptionByDefault",),
        part=KEYS_OF_DISKS,
    ),
    Statement(
        sid="DefaultKey",
        task="look up infrastructure, with disks that are encrypted or images that are shared",
        why="the account's default key of disks",
        actions=("ec2:GetEbsDefaultKmsKeyId",),
        part=KEYS_OF_DISKS,
    ),
    Statement(
        sid="LookAtKeys",
        task="look up infrastructure, with disks that are encrypted",
        why="whether servers may be launched with a key; without it that is not checked",
        actions=("kms:DescribeKey", "kms:GetKeyPolicy", "kms:ListGrants"),
        resources=("arn:{partition}:kms:{region}:{account}:key/*",),
        part=KEYS_OF_DISKS,
    ),
)
# Which keys these are, a parameter of the account's template says.
USE_KEYS = (
    Statement(
        sid="UseKeys",
        task="bake, test, migrate, smoke test, run, copy image; with a key of your own",
        why="EC2 encrypts and reads a machine's disks for whoever launches it",
        actions=(
            "kms:Decrypt",
            "kms:DescribeKey",
            "kms:GenerateDataKeyWithoutPlaintext",
            "kms:ReEncryptFrom",
            "kms:ReEncryptTo",
        ),
        resources=("{disk_keys}",),
        condition=_VIA,
        part=OWN_KEYS,
    ),
    Statement(
        sid="GrantKeys",
        task="bake, test, migrate, smoke test, run, copy image; with a key of your own",
        why="as long as a disk is there EC2 needs its key, by a grant; nobody else gets one",
        actions=("kms:CreateGrant",),
        resources=("{disk_keys}",),
        condition={**_VIA, "Bool": {"kms:GrantIsForAWSResource": "true"}},
        part=OWN_KEYS,
    ),
)
