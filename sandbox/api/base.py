"""What our own operations have in common.

moto gives them parsed parameters and takes their answers in botocore's shapes.
"""

from typing import Any, ClassVar

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.responses._base_response import EC2BaseResponse

from sandbox.engine.engine import Engine


class SandboxApi(EC2BaseResponse):
    """`engine` is set once, before the first request."""

    engine: ClassVar[Engine]

    def value(self, name: str, default: Any = None) -> Any:
        """A parameter by its botocore name. Dots lead to nested ones."""
        found = self._get_param(name, default)
        return default if found is None else found

    def paged(
        self,
        name: str,
        items: list[Any],
        most: int = 1000,
        last_token: str | None = None,
        **more: Any,
    ) -> ActionResult:
        """One page of `items` under `name`, with a NextToken while there are more. The last page
        has `last_token` as its token, if one is given."""
        token = str(self.value("NextToken") or 0)
        if not token.isdecimal():
            raise EC2ClientError("InvalidNextToken", "The specified token is not valid.")
        start, size = int(token), int(self.value("MaxResults", most))
        end = start + size
        result = {name: items[start:end], **more}
        if end < len(items):
            result["NextToken"] = str(end)
        elif last_token is not None:
            result["NextToken"] = last_token
        return ActionResult(result)


def unsupported(operation: str, instead: str) -> EC2ClientError:
    """For operations whose instances or images moto would make without a machine."""
    return EC2ClientError(
        "UnsupportedOperation", f"the sandbox has no {operation}; it knows {instead}"
    )
