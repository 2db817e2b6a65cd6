"""Clients for one region, by the default credential chain."""

import os
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError
from botocore.utils import InstanceMetadataRegionFetcher

from spotkiln import __version__
from spotkiln.aws import role as roles
from spotkiln.aws.errors import aws_errors
from spotkiln.aws.role import Role
from spotkiln.aws.time import AwsTime
from spotkiln.errors import InputError

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_elbv2 import ElasticLoadBalancingv2Client
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_sts import STSClient


USER_AGENT = f"spotkiln/{__version__}"


@dataclass(frozen=True)
class Aws:
    """The clients of one region. botocore's clients are safe to share between threads.

    For any other client there is the `session`: each holds megabytes of botocore's data.
    """

    region: str
    session: boto3.session.Session
    ec2: "EC2Client"
    elbv2: "ElasticLoadBalancingv2Client"
    iam: "IAMClient"
    sts: "STSClient"
    time: AwsTime = field(default_factory=AwsTime)

    @cached_property
    def scaling(self) -> Any:
        """Auto Scaling's client. Its types are not among the stubs that are installed; what it is
        asked for is checked against botocore's model in tests."""
        return self.session.client("autoscaling", config=self.ec2.meta.config)

    def now(self) -> datetime:
        """AWS's time, in UTC. All decisions that depend on a time use this one.

        Raises:
            SpotkilnError: AWS has not answered yet, and does not answer now.
        """
        return self.time.now(self._ask)

    def _ask(self) -> None:
        with aws_errors("AWS's time"):
            self.sts.get_caller_identity()


def resolve_region(wanted: str = "") -> str:
    """Parameter, AWS_REGION, AWS_DEFAULT_REGION, the config file, instance metadata (v2).

    Raises:
        InputError: none of these names a region, or the configuration cannot be read. There is
            no silent default.
    """
    region = wanted or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if not region:
        with aws_errors("the region"):
            region = boto3.session.Session().region_name
    if not region and os.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() != "true":
        try:
            region = InstanceMetadataRegionFetcher(
                timeout=1, num_attempts=1, config=_metadata()
            ).retrieve_region()
        except BotoCoreError:
            region = None
    if not region:
        raise InputError(
            "no AWS region: none is given, neither AWS_REGION nor AWS_DEFAULT_REGION is set, the "
            "AWS config file names none and this is no EC2 instance; set the region parameter"
        )
    return region


def _metadata() -> dict[str, str]:
    """The address of instance metadata, if it is not AWS's own. The fetcher does not look at the
    variable itself."""
    endpoint = os.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT")
    return {"ec2_metadata_service_endpoint": endpoint} if endpoint else {}


def _config(region: str) -> Config:
    """botocore's standard retry mode handles throttling and lost connections."""
    return Config(
        region_name=region,
        retries={"mode": "standard", "total_max_attempts": 6},
        connect_timeout=5,
        read_timeout=30,
        user_agent_extra=USER_AGENT,
    )


@lru_cache(maxsize=16)
def client_of(aws: Aws, service: str) -> Any:
    """Of a service that few need, made at its first use: it is large. Its types are not among the
    stubs that are installed."""
    session: Any = aws.session
    return session.client(service, config=_config(aws.region))


@lru_cache(maxsize=8)
def connect(region: str) -> Aws:
    """The clients of a region, one set a process, with the rights of the role that the environment
    names, if it names one.

    Every call that changes something can be repeated safely.

    Raises:
        InputError: the profile is not there, or the configuration cannot be read, or the role is
            none.
        PermissionDenied: the role may not be assumed.
    """
    return _clients(region, roles.wanted(os.environ))


@lru_cache(maxsize=8)
def enter(region: str, role: Role) -> Aws:
    """The same with the rights of this role, which the worker's own credentials may assume."""
    return _clients(region, role)


def _clients(region: str, role: Role) -> Aws:
    config = _config(region)
    with aws_errors(f"role {role.arn}" if role else f"clients for {region}"):
        session = roles.session(role, region)
        time = AwsTime()
        # Each client tells it the time, also one that is made later.
        session.events.register("after-call", time.on_answer)
        return Aws(
            region=region,
            session=session,
            ec2=session.client("ec2", config=config),
            elbv2=session.client("elbv2", config=config),
            iam=session.client("iam", config=config),
            sts=session.client("sts", config=config),
            time=time,
        )
