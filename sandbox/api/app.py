"""moto's server with our operations in place of its own."""

import base64
import hashlib
import os
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

# moto reads these when it is imported. Without its default images the account has only ours.
os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"
os.environ.setdefault("MOTO_DISABLE_GLOBAL_CORS", "true")

from moto.applicationautoscaling import urls as application_urls
from moto.autoscaling import urls as autoscaling_urls
from moto.cloudwatch.models import Statistics
from moto.core import responses as core_responses
from moto.core.common_models import BaseModel
from moto.core.utils import method_names_from_class
from moto.ec2 import urls as ec2_urls
from moto.ec2.models.core import TaggedEC2Resource
from moto.ec2.models.elastic_block_store import Snapshot
from moto.ec2.responses import EC2Response
from moto.ec2.utils import EC2_PREFIX_TO_RESOURCE, get_prefix
from moto.elb import urls as elb_urls
from moto.logs import urls as logs_urls
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.ssm.models import Parameter

from sandbox.api import alarms, filters, network, serializing, stacks, targets
from sandbox.api.application_scaling import SandboxApplicationScaling
from sandbox.api.fleets import FleetApi
from sandbox.api.images import ImageApi
from sandbox.api.instances import InstanceApi
from sandbox.api.launch_configurations import LaunchConfigurationsApi
from sandbox.api.listings import ListingApi
from sandbox.api.logs import SandboxLogs
from sandbox.api.network import NetworkApi
from sandbox.api.scaling import SandboxAutoScaling
from sandbox.api.tags import TagApi
from sandbox.api.targets import SandboxElbv2
from sandbox.api.templates import TemplateApi
from sandbox.api.volumes import VolumeApi
from sandbox.balancing.metrics import statistic
from sandbox.compute import launching
from sandbox.engine.engine import Engine

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class SandboxEc2(
    ListingApi,
    TagApi,
    TemplateApi,
    VolumeApi,
    FleetApi,
    ImageApi,
    InstanceApi,
    NetworkApi,
    EC2Response,
):
    """Our operations come first; moto's answer the rest."""


class SandboxGroups(LaunchConfigurationsApi, SandboxAutoScaling):
    """Auto Scaling without moto's operations."""


def application(engine: Engine) -> WsgiApp:
    """The caller holds the account's lock: moto is not thread-safe."""
    network.complete()
    stacks.complete()
    stacks.take_over(engine)
    filters.take_over()
    serializing.take_over()
    launching.take_over(engine.account, engine.instances)
    targets.take_over(engine)
    alarms.take_over()
    BaseModel.__new__ = staticmethod(_untracked)  # type: ignore[method-assign]
    Parameter.response_object = _encrypted  # type: ignore[method-assign, assignment]
    Snapshot.progress = property(_progress)  # type: ignore[method-assign, assignment]
    Statistics.get_statistics_for_type = statistic  # type: ignore[method-assign]
    TaggedEC2Resource.get_tags = _own_tags  # type: ignore[method-assign, assignment]
    SandboxEc2.engine = SandboxElbv2.engine = SandboxAutoScaling.engine = engine
    SandboxApplicationScaling.engine = engine
    ec2_urls.url_paths["{0}/"] = SandboxEc2.dispatch
    logs_urls.url_paths["{0}/$"] = SandboxLogs.dispatch
    autoscaling_urls.url_paths["{0}/$"] = SandboxGroups.dispatch
    application_urls.url_paths["{0}/$"] = SandboxApplicationScaling.dispatch
    vars(elb_urls)["ELBV2Response"] = SandboxElbv2
    # moto searches hundreds of methods at every call; they never change.
    vars(core_responses)["method_names_from_class"] = lru_cache(method_names_from_class)
    dispatcher = DomainDispatcherApplication(create_backend_app)
    vars(dispatcher)["get_backend_for_host"] = lru_cache(dispatcher.get_backend_for_host)

    def carry_out(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        try:
            return dispatcher(environ, start_response)  # type: ignore[no-any-return]
        finally:
            engine.instances.begin()

    return carry_out


def _untracked(cls: type, *_args: Any, **_kwargs: Any) -> Any:
    """moto keeps a reference to every model it ever makes. In a sandbox that runs for long they
    would fill the memory."""
    return object.__new__(cls)


def _progress(snapshot: Any) -> str:
    return "0%" if snapshot.status == "pending" else "100%"


_shown = Parameter.response_object


def _encrypted(parameter: Any, decrypt: bool = False, region: str | None = None) -> dict[str, Any]:
    """A SecureString without WithDecryption is no text at AWS; moto shows it behind a prefix."""
    answer: dict[str, Any] = _shown(parameter, decrypt, region)
    if parameter.parameter_type == "SecureString" and not decrypt:
        digest = hashlib.sha512(parameter.value.encode()).digest()
        answer["Value"] = base64.b64encode(digest).decode()
    return answer


def _own_tags(resource: Any) -> list[dict[str, str]]:
    """A resource's own tags. moto's method searches the tags of all resources for each one."""
    kind = EC2_PREFIX_TO_RESOURCE.get(get_prefix(resource.id or ""), "")
    own = resource.ec2_backend.tags.get(resource.id, {})
    return [
        {"resource_id": resource.id, "key": key, "value": value, "resource_type": kind}
        for key, value in own.items()
    ]
