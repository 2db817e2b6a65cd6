"""What a template asks for of its machine, as a request of EC2's has it."""

from typing import Any

from sandbox.packer_standin.template import Template


def disks(template: Template) -> dict[str, Any]:
    device = template.text("root_device")
    if not device:
        return {}
    size, kind = int(template.text("root_gib", "0")), template.text("root_type")
    ebs: dict[str, Any] = {"DeleteOnTermination": True}
    ebs |= {"VolumeSize": size} if size else {}
    ebs |= {"VolumeType": kind} if kind else {}
    ebs |= {"Iops": 3000, "Throughput": 125} if kind == "gp3" else {}
    return {"BlockDeviceMapping": [{"DeviceName": device, "Ebs": ebs}]}


def interface(template: Template, groups: list[str]) -> dict[str, Any]:
    """With a public address if one is asked for: 1.6.6 cannot ask for none."""
    public = template.text("public_address") == "true"
    return {
        "DeviceIndex": 0,
        **({"AssociatePublicIpAddress": True} if public else {}),
        "SubnetId": template.text("subnet_id"),
        "SecurityGroupId": groups,
        "DeleteOnTermination": True,
    }


def place(template: Template, groups: list[str]) -> dict[str, Any]:
    """Of a launch without a template: by a network interface only where an address is asked for."""
    subnet = template.text("subnet_id")
    if subnet and template.text("public_address") == "true":
        return {"NetworkInterface": [interface(template, groups)]}
    return {"SecurityGroupId": groups, "SubnetId": subnet}
