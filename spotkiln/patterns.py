"""How AWS writes what people name: patterns without their ends, for models and for texts alike."""

REGION = r"[a-z]{2}(-[a-z]+)+-\d"
ROLE = r"arn:aws[\w-]*:iam::\d{12}:role/[\w+=,.@/-]+"
# What a role wants to hear, by STS's own rule. Pydantic takes no pattern with so large a number.
EXTERNAL_ID = r"[\w+=,.@:/-]{2,}"
MOST_OF_EXTERNAL_ID = 1224


def empty_or(pattern: str) -> str:
    """For a field that may be left empty."""
    return f"^({pattern})?$"
