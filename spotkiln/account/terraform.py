"""The same for those who use Terraform: a module that makes the stack.

Terraform's JSON syntax. The template is inside, so there is no second list of rights that could
fall behind; its parameters are the module's variables, its outputs the module's.
"""

from collections.abc import Mapping
from typing import Any

from spotkiln.account.parameters import PARAMETERS

_TYPES = {"Number": "number", "List<AWS::EC2::Subnet::Id>": "list(string)"}


def module(template: Mapping[str, Any], text: str) -> dict[str, Any]:
    """`text` is the template as CloudFormation gets it."""
    return {
        "terraform": {"required_providers": {"aws": {"source": "hashicorp/aws"}}},
        "variable": {
            "stack": {
                "type": "string",
                "default": "spotkiln",
                "description": "Name of the CloudFormation stack.",
            },
            **{name: _variable(one) for name, one in PARAMETERS.items()},
        },
        "resource": {
            "aws_cloudformation_stack": {
                "account": {
                    "name": "${var.stack}",
                    # A dollar sign before a brace is Terraform's own, too.
                    "template_body": text.replace("${", "$${").replace("%{", "%%{"),
                    "capabilities": ["CAPABILITY_NAMED_IAM"],
                    "parameters": {name: _value(name) for name in PARAMETERS},
                }
            }
        },
        "output": {
            name: {
                "description": one["Description"],
                "value": f'${{lookup(aws_cloudformation_stack.account.outputs, "{name}", "")}}',
            }
            for name, one in template["Outputs"].items()
        },
    }


def _variable(one: Mapping[str, Any]) -> dict[str, Any]:
    found = {"type": _TYPES.get(one["Type"], "string"), "description": one["Description"]}
    return {**found, "default": one["Default"]} if "Default" in one else found


def _value(name: str) -> str:
    """CloudFormation takes a list as one text."""
    many = PARAMETERS[name]["Type"].startswith("List")
    return f'${{join(",", var.{name})}}' if many else f"${{var.{name}}}"
