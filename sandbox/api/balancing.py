"""Load balancers and target groups: what AWS refuses of their settings, and moto accepts."""

import re
from functools import lru_cache
from typing import Any

from moto.core.responses import ActionResult
from moto.elbv2.exceptions import ELBClientError
from moto.elbv2.responses import ELBV2Response

from sandbox.api import model

_HTTP = ("HTTP", "HTTPS")
# The status codes that an Application Load Balancer may take for healthy.
LEAST_CODE, MOST_CODE = 200, 499


class BalancingApi(ELBV2Response):
    # -- load balancers --

    def create_load_balancer(self) -> ActionResult:
        if self._get_param("Type", "application") == "application":
            self._check_zones()
        known = self.elbv2_backend.ec2_backend
        named = self._get_param("Subnets", []) or []
        self._check_groups(next((str(known.get_subnet(one).vpc_id) for one in named), ""))
        return super().create_load_balancer()

    def set_security_groups(self) -> ActionResult:
        balancer = self.elbv2_backend.load_balancers.get(self._get_param("LoadBalancerArn"))
        self._check_groups(str(balancer.vpc_id) if balancer is not None else "")
        return super().set_security_groups()

    def _check_groups(self, vpc_id: str) -> None:
        """They must be there, and in the balancer's network."""
        known = self.elbv2_backend.ec2_backend
        for one in self._get_param("SecurityGroups", []) or []:
            group: Any = known.get_security_group_from_id(one)
            if group is None:
                raise ELBClientError(
                    "InvalidSecurityGroup", f"The security group '{one}' does not exist"
                )
            if vpc_id and group.vpc_id != vpc_id:
                raise ELBClientError(
                    "InvalidConfigurationRequest", "One or more security groups are invalid"
                )

    def set_subnets(self) -> ActionResult:
        balancer = self.elbv2_backend.load_balancers.get(self._get_param("LoadBalancerArn"))
        if balancer is not None and "/app/" in balancer.arn:
            self._check_zones()
        return super().set_subnets()

    def _check_zones(self) -> None:
        mappings = self._get_param("SubnetMappings", []) or []
        named = [*(self._get_param("Subnets", []) or []), *(x.get("SubnetId") for x in mappings)]
        known = self.elbv2_backend.ec2_backend
        zones = {known.get_subnet(one).availability_zone for one in named}
        if len(zones) < 2:
            raise _invalid(
                "At least two subnets in two different Availability Zones must be specified"
            )
        if len(zones) < len(named):
            raise ELBClientError(
                "InvalidConfigurationRequest",
                "A load balancer cannot be attached to multiple subnets in the same Availability "
                "Zone",
            )

    def modify_load_balancer_attributes(self) -> ActionResult:
        self._check_attributes("LoadBalancer", "Load balancer")
        return super().modify_load_balancer_attributes()

    # -- target groups --

    def create_target_group(self) -> ActionResult:
        self._check_health(self._get_param("HealthCheckProtocol") or self._get_param("Protocol"))
        return super().create_target_group()

    def modify_target_group(self) -> ActionResult:
        group = self.elbv2_backend.target_groups.get(self._get_param("TargetGroupArn"))
        if group is not None:
            known = group.health_check_protocol or group.protocol
            self._check_health(self._get_param("HealthCheckProtocol") or known)
        return super().modify_target_group()

    def modify_target_group_attributes(self) -> ActionResult:
        self._check_attributes("TargetGroup", "Target group")
        return super().modify_target_group_attributes()

    def _check_health(self, protocol: str | None) -> None:
        path, matcher = self._get_param("HealthCheckPath"), self._get_param("Matcher") or {}
        if path and protocol in _HTTP and not path.startswith("/"):
            raise _invalid(f"Health check path '{path}' must begin with a '/' character")
        codes = str(matcher.get("HttpCode") or "")
        for code in map(int, re.findall(r"\d+", codes)):
            if not LEAST_CODE <= code <= MOST_CODE:
                raise _invalid(
                    f"Health check matcher HTTP code '{codes}' must be within "
                    f"'{LEAST_CODE}-{MOST_CODE}' inclusive"
                )
        every, timeout = (self._get_param(f"HealthCheck{x}Seconds") for x in _TIMES)
        if every and timeout and int(timeout) >= int(every):
            raise _invalid("Health check interval must be greater than the timeout.")

    def _check_attributes(self, kind: str, called: str) -> None:
        known = _attributes(f"{kind}Attribute")
        for one in self._get_param("Attributes", []) or []:
            if one["Key"] not in known:
                raise _invalid(f"{called} attribute key '{one['Key']}' is not recognized")
            if must := _must_be(one["Key"], str(one.get("Value") or "")):
                raise _invalid(f"'{one['Key']}' value '{one.get('Value')}' must be {must}")


# Of attributes of load balancers and target groups, by the end of their names.
_RANGES = {
    "deregistration_delay.timeout_seconds": (0, 3600),
    "idle_timeout.timeout_seconds": (1, 4000),
    "stickiness.lb_cookie.duration_seconds": (1, 604800),
}
_SLOW_START = (30, 900)
_WORDS = {
    "load_balancing.algorithm.type": (
        "round_robin",
        "least_outstanding_requests",
        "weighted_random",
    ),
    "load_balancing.cross_zone.enabled": ("true", "false", "use_load_balancer_configuration"),
    "stickiness.enabled": ("true", "false"),
    "deletion_protection.enabled": ("true", "false"),
}


def _must_be(key: str, value: str) -> str:
    """What an attribute's value must be and is not; empty if it is good, or nothing is known."""
    least, most = _RANGES.get(key, (0, 0))
    if key == "slow_start.duration_seconds" and value != "0":
        least, most = _SLOW_START
    if most and not (value.isdecimal() and least <= int(value) <= most):
        return f"between '{least}-{most}' inclusive"
    words = _WORDS.get(key, ())
    return f"one of {', '.join(words)}" if words and value not in words else ""


_TIMES = ("Interval", "Timeout")


@lru_cache
def _attributes(shape: str) -> frozenset[str]:
    """The names in AWS's documentation."""
    found = model.service("elasticloadbalancing").shape_for(shape)
    return frozenset(model.listed(found.members["Key"].documentation))


def _invalid(text: str) -> ELBClientError:
    return ELBClientError("ValidationError", text)
