"""Where an application's previews are made: the listener that gets their rules, and whether a rule
there would be asked."""

from spotkiln.aws.bake.infra import target_group
from spotkiln.aws.errors import aws_errors
from spotkiln.aws.serve import rules as aws_rules
from spotkiln.aws.session import Aws
from spotkiln.bake.infra import TargetGroup
from spotkiln.errors import InputError
from spotkiln.keep.preview import Template, host_for
from spotkiln.serve.rules import Listener, choose_listener, free_priority, require_reached


def listener_of(aws: Aws, like: TargetGroup, template: Template) -> Listener:
    """Where the rules of an application's previews are.

    Raises:
        InputError: no load balancer forwards to the target group that they are made like.
    """
    if not like.load_balancers:
        raise InputError(
            f"previews are made like target group {like.name}, and no load balancer forwards to "
            "it: add it to a listener's rule, or name another as infra.target_group"
        )
    known = aws_rules.listeners(aws, like.load_balancers[0])
    return choose_listener(known, like.arn, template.listener)


def address(aws: Aws, like: TargetGroup, listener: Listener, host: str) -> str:
    """A load balancer on this machine has a port in its name: there it answers."""
    with aws_errors(f"load balancer of {like.name}"):
        (found,) = aws.elbv2.describe_load_balancers(LoadBalancerArns=[like.load_balancers[0]])[
            "LoadBalancers"
        ]
    _, _, port = found.get("DNSName", "").partition(":")
    return f"http://{host}:{port}" if port else listener.url.format(host=host)


def look(aws: Aws, app: str, like: str, template: Template, branch: str) -> str:
    """Where a preview of this branch would be found, as `make` would have it.

    Raises:
        InputError: there is no place for one.
    """
    group = target_group(aws, like)
    listener = listener_of(aws, group, template)
    known = aws_rules.rules(aws, listener.arn)
    host = host_for(template, app, branch, [x for one in known for x in one.hosts])
    priority = free_priority(known, template.priority)
    require_reached(known, host, priority)
    found = address(aws, group, listener, host)
    return (
        f"{branch} would be at {found}, by rule {priority} of {listener.protocol}:{listener.port}"
    )
