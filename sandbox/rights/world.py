"""What IAM knows of the account when it judges a call: what there is, and how it is tagged."""

from typing import Any

from moto.iam.models import iam_backends
from moto.secretsmanager.models import secretsmanager_backends

from sandbox.state.account import Account
from sandbox.state.records import ACCOUNT_ID


class World:
    """The caller holds the account's lock."""

    account_id = ACCOUNT_ID

    def __init__(self, account: Account) -> None:
        self._account = account
        self.region = account.region

    def arn(self, service: str, rest: str) -> str:
        return f"arn:aws:{service}:{self.region}:{ACCOUNT_ID}:{rest}"

    # -- EC2 --

    def tags(self, resource_id: str) -> dict[str, str]:
        return self._account.tags(resource_id)

    def template(self, named: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """Id and data of a launch template, as a request names it; empty if it is not there."""
        ec2: Any = self._account.ec2
        name, known = named.get("LaunchTemplateName"), ec2.launch_templates
        wanted = named.get("LaunchTemplateId") or ec2.launch_template_name_to_ids.get(name, "")
        if wanted not in known:
            return "", {}
        version = str(named.get("Version") or "$Default")
        template = known[wanted]
        numbers = {
            "$Latest": str(template.latest_version_number),
            "$Default": str(template.default_version_number),
        }
        number = numbers.get(version, version)
        found = next((one for one in template.versions if str(one.number) == number), None)
        return str(wanted), dict(found.data) if found else {}

    def default_group(self, subnet_id: str) -> str:
        """The security group of a launch that names none."""
        ec2: Any = self._account.ec2
        groups = {one.group_name: one.id for one in ec2.groups[self.vpc_of(subnet_id)].values()}
        return str(groups.get("default", ""))

    def vpc_of(self, subnet_id: str) -> str:
        ec2: Any = self._account.ec2
        known = {key: one for zone in ec2.subnets.values() for key, one in zone.items()}
        found = known.get(subnet_id)
        return str(found.vpc_id if found else ec2.default_vpc.id)

    def any_subnet(self) -> str:
        ec2: Any = self._account.ec2
        return next(iter(sorted(one.id for one in ec2.get_default_subnets().values())), "")

    def owner(self, image_id: str) -> str:
        ec2: Any = self._account.ec2
        found = ec2.amis.get(image_id)
        return str(found.owner_id) if found else ""

    # -- others --

    def balancing_tags(self, arn: str) -> dict[str, str]:
        """Of a target group, listener, rule or load balancer."""
        elbv2: Any = self._account.elbv2
        return dict(elbv2.tagging_service.get_tag_dict_for_resource(arn))

    def group_tags(self, name: str) -> dict[str, str]:
        """Of an Auto Scaling group."""
        found = self._account.state.scaling_groups.get(name)
        return {key: value for key, (value, _) in found.tags.items()} if found else {}

    def secret(self, secret_id: str) -> str:
        """Its ARN. A secret that does not exist counts by its name: it has no random end."""
        known: Any = secretsmanager_backends[ACCOUNT_ID][self.region].secrets
        if secret_id in known:
            return str(known[secret_id].arn)
        given = secret_id.startswith("arn:")
        return secret_id if given else self.arn("secretsmanager", f"secret:{secret_id}")

    def role_in(self, profile: dict[str, Any]) -> str:
        """The ARN of the role in an instance profile, by name or ARN; empty without one."""
        iam: Any = iam_backends[ACCOUNT_ID]["aws"]
        wanted = (profile.get("Arn"), profile.get("Name"))
        for one in iam.instance_profiles.values():
            if one.arn == wanted[0] or one.name == wanted[1]:
                return next((str(role.arn) for role in one.roles), "")
        return ""

    def role(self, name: str) -> str:
        """The ARN of a role by its name."""
        iam: Any = iam_backends[ACCOUNT_ID]["aws"]
        found = next((one.arn for one in iam.roles.values() if one.name == name), None)
        return str(found or f"arn:aws:iam::{ACCOUNT_ID}:role/{name}")
