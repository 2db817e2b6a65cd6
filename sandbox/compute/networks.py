"""What AWS gives to each network, and moto does not."""

from typing import Any


def open_default_group(ec2: Any, vpc_id: str) -> None:
    """Its members reach each other."""
    group = ec2.get_default_security_group(vpc_id)
    assert group is not None, "every VPC has one"
    itself = [{"GroupId": group.id}]
    ec2.authorize_security_group_ingress(group.id, "-1", "-1", "-1", [], source_groups=itself)
