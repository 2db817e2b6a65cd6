"""Pushes that the unit tests speak of: of one repository, by one hook."""

from spotkiln.start.hooks import Host
from spotkiln.start.push import Push

A, B, C, D = ("a" * 40, "b" * 40, "c" * 40, "d" * 40)
SHOP = "github.com/acme/shop"


def push(before: str = A, after: str = B, **changes: object) -> Push:
    settings = {
        "host": Host.GITHUB,
        "repositories": (SHOP,),
        "ref": "refs/heads/main",
        "before": before,
        "after": after,
        "commit": after,
        "secret": "hooks",
    }
    return Push.model_validate({**settings, **changes})
