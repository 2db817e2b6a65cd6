"""The sandbox's servers may do at the start what the template lets servers do."""

from sandbox.engine.server_rights import statements
from sandbox.state.records import ACCOUNT_ID
from spotkiln.release.server_statements import SERVER
from spotkiln.statement import Fill, policies

_SSM = f"arn:aws:ssm:*:{ACCOUNT_ID}:parameter/*/test"
_SECRET = f"arn:aws:secretsmanager:*:{ACCOUNT_ID}:secret:*/test"
WIDE: Fill = {
    "partition": ("aws",),
    "region": ("*",),
    "account": (ACCOUNT_ID,),
    "target_groups": ("*",),
    "parameters": (_SSM, f"{_SSM}/*"),
    "secrets": (f"{_SECRET}-??????", f"{_SECRET}/*"),
    "log_groups": (f"arn:aws:logs:*:{ACCOUNT_ID}:log-group:*",),
}


def test_they_are_the_templates_statements() -> None:
    (document,) = policies(SERVER, WIDE)
    assert statements("test") == document["Statement"]
