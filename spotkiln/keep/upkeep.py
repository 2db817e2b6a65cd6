"""Upkeep: what a deployment wants to be done with the images that it has released."""

from typing import Annotated

from pydantic import Field

from spotkiln.bake.elsewhere import Elsewhere
from spotkiln.noun import ShownNoun, left_open

ACCOUNT = r"^\d{12}$"
# Their numbers have room in one tag.
MOST_ACCOUNTS = 15

# EC2 takes no date further away.
MOST_DAYS = 3650


class Images(ShownNoun):
    """What becomes of images that have been released."""

    deprecate_after_days: int = Field(
        default=0,
        ge=0,
        le=MOST_DAYS,
        title="Deprecate after (days)",
        description="So many days after it last served, an image is deprecated. What serves, and "
        "what somebody keeps, is not. 0: no dates are given.",
    )
    share_with: list[Annotated[str, Field(pattern=ACCOUNT)]] = Field(
        default=[],
        title="Share with",
        description="Numbers of AWS accounts that may use and copy what has been released here, as "
        "long as it is a version of this target group.",
        max_length=MOST_ACCOUNTS,
    )
    take_from: Elsewhere | None = Field(
        default=None,
        title="Take from",
        description="Nothing is baked here: what was released there of this commit is copied.",
        json_schema_extra=left_open(),
    )
