"""What all of our nouns have in common."""

from pydantic import BaseModel, ConfigDict


class Noun(BaseModel):
    """A frozen record. Unknown fields are refused: a misspelt one must not be silently ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
