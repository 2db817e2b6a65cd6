"""Writes the tables of rights in docs/aws.md from the list that policies are made from."""

import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from spotkiln.aws.release.rights import every  # noqa: E402 - found by the path above
from spotkiln.release.server_statements import SERVER  # noqa: E402
from spotkiln.statement import Statement  # noqa: E402

FILE = ROOT / "docs" / "aws.md"
BEGIN, END = "<!-- {name}: written by scripts/rights.py -->", "<!-- the end of {name} -->"


def table(statements: Iterable[Statement]) -> str:
    rows = ["| right | task | on | if | why |", "|---|---|---|---|---|"]
    rows += [f"| {' | '.join(_cells(one))} |" for one in statements]
    return "\n".join(rows)


def _cells(one: Statement) -> tuple[str, ...]:
    task = f"{one.task} (may be left out)" if one.part else one.task
    return (
        f"**{one.sid}** {_code(one.actions)}",
        task,
        _code(_short(arn) for arn in one.resources),
        _code(_conditions(one)),
        one.why,
    )


def _code(texts: Iterable[str]) -> str:
    return ", ".join(f"`{one}`" for one in texts)


def _short(arn: str) -> str:
    """Without what all ARNs have in common."""
    head, _, name = arn.rpartition("{account}:")
    if not head:
        head, _, name = arn.rpartition("::")
    return name


def _conditions(one: Statement) -> Iterable[str]:
    for keys in one.condition.values():
        for key, wanted in keys.items():
            values = (wanted,) if isinstance(wanted, str) else wanted
            yield f"{key} = {' or '.join(values)}"


def tables() -> dict[str, str]:
    """By the name of their places in the page."""
    return {"the worker's rights": table(every()), "the servers' rights": table(SERVER)}


def page(text: str) -> str:
    """The page with its tables as they are now."""
    for name, rows in tables().items():
        begin, end = BEGIN.format(name=name), END.format(name=name)
        head, _, rest = text.partition(begin)
        _, _, tail = rest.partition(end)
        text = f"{head}{begin}\n\n{rows}\n\n{end}{tail}"
    return text


if __name__ == "__main__":
    FILE.write_text(page(FILE.read_text()))
