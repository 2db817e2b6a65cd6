"""Upkeep: what a deployment wants to be done with the images that it has released."""

from pydantic import Field

from spotkiln.noun import ShownNoun

# EC2 takes no date further away.
MOST_DAYS = 3650


class Images(ShownNoun):
    """How long an image counts as current once it serves no longer."""

    deprecate_after_days: int = Field(
        default=0,
        ge=0,
        le=MOST_DAYS,
        title="Deprecate after (days)",
        description="So many days after it last served, an image is deprecated. What serves, and "
        "what somebody keeps, is not. 0: no dates are given.",
    )
