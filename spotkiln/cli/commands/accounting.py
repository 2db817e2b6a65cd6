"""Commands about an AWS account: what must be there before the first release.

Each imports what it needs when it runs: Prefect and boto3 take seconds, and neither help nor a
mistake in what was typed is worth the wait.
"""

import json
from typing import Annotated

from cyclopts import Parameter

from spotkiln.cli.output import Exit, Json, show, tell

Stack = Annotated[str, Parameter(help="Name of the CloudFormation stack: one an application.")]
Region = Annotated[str, Parameter(help="Empty: from the environment or AWS's config file.")]
Set = Annotated[
    tuple[str, ...],
    Parameter(
        name="--set",
        negative=(),
        help="NAME=VALUE of a parameter of the template; may be repeated. What is not given stays "
        "as it is.",
    ),
]
STACK = "spotkiln"


def plan(
    *, stack: Stack = STACK, given: Set = (), region: Region = "", as_json: Json = False
) -> int:
    """Show what would be made or changed in the account; nothing is."""
    from spotkiln.cli import account

    found = account.plan(stack, given, region)
    show(found, "\n".join(found.lines), as_json=as_json)
    return Exit.OK


def apply(
    *, stack: Stack = STACK, given: Set = (), region: Region = "", as_json: Json = False
) -> int:
    """Make the account ready, or change what is there: roles, security groups, target groups. Tells
    each step, and at the end what a deployment says to use them."""
    from spotkiln.account.plan import infra
    from spotkiln.cli import account

    found = account.apply(stack, given, region, lambda text: tell(text, aside=as_json))
    show(found, infra(found), as_json=as_json)
    return Exit.OK


def check(*, stack: Stack = STACK, region: Region = "", as_json: Json = False) -> int:
    """Check that all of it is there, and that the worker's role may do what a release does. Ends
    with 1 unless all is ok."""
    from spotkiln.cli import account
    from spotkiln.cli.doctor import examine as doctoring

    found = list(account.checks(stack, region))
    show(found, doctoring.table(found), as_json=as_json)
    return Exit.OK if all(one.ok for one in found) else Exit.FAILED


def template(
    *,
    terraform: Annotated[
        bool, Parameter(negative=(), help="As a Terraform module, to be saved as main.tf.json.")
    ] = False,
) -> int:
    """Print the CloudFormation template, to be read, or to be used by other means."""
    from spotkiln.account.template import template as whole
    from spotkiln.account.terraform.module import module
    from spotkiln.aws.release.rights import every
    from spotkiln.cli.template_text import in_yaml

    found = whole(every())
    if terraform:
        tell(json.dumps(module(found), indent=1))
        return Exit.OK
    tell(in_yaml(found))
    return Exit.OK
