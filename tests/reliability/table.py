"""The fault matrix as a page."""

import re
from collections.abc import Mapping, Sequence
from datetime import date

from tests.reliability.cases import Case, Outcome
from tests.reliability.scenarios import PACKER, SCENARIOS, Fault, scenario_of

HEAD = """# The fault matrix

Every AWS call that changes something, as recorded from a release over a serving fleet; from
releases that do more, of those only what they do more: one that migrates before it asks for
servers, one that bakes its dependencies as a layer, one that launches an Auto Scaling group, one
that retires such a group, one of each launcher whose servers AWS scales, one of each in batches,
one in steps between two target groups (of that from the first weights on), and one whose servers
are in two target groups at once; from one with red tests, one whose servers are sick (also in two
target groups), and a rollback (of these only where they go another way); from a reconcile that
undoes a killed release, and one that finishes a killed retirement; from the making of a branch's
preview, and its removal. And what became of each call with each fault. Written by `make torture`,
nothing of it by hand. Each part says when it was played: a run of some scenarios
alone (`--scenarios`) leaves the others as they are.

Then pairs of faults: a first one that a flow deals with, and a kill at each call by which it
does. All along the account holds what looks like ours and is not: copies, backups, instances
launched like ours, another tool's in the target group.

After each case, and one reconcile if anything was left, it was checked that the serving fleet is
whole with every target healthy, that nothing exists which neither it nor a kept version owns, that
nothing of others was touched, that the next release succeeds, and that no request through the load
balancer failed meanwhile. (Where the release went on and left nothing, the next one is that of the
case after it.)

- **released**: the release went on and succeeded
- **undone**: it failed and undid everything itself
- **nothing left**: it was killed, and had left nothing
- **removed**: the preview went, and left nothing
- **settled**: the reconcile went on and left nothing
- **reconciled**: something was left, and one (more) reconcile finished or undid it

*Killed*: SIGKILL to the flow's process group before the call was carried out, or after it; at
Packer's calls Packer is killed too, as when the host is lost. *Flow killed*: the flow alone, and
Packer cleans up. *Error*: `UnauthorizedOperation` once. *Throttled*: twice in a row. *Stale*: the
three reads after it answer as before it. Packer here is the sandbox's stand-in, which makes the
same calls.
"""


def page(cases: Sequence[Case], done: Mapping[str, Outcome], day: date, before: str = "") -> str:
    """What was played now, beside the parts that the page `before` had of other scenarios."""
    kept = sections(before)
    lines = [HEAD.rstrip()]
    for scenario in SCENARIOS:
        title = scenario.name.capitalize()
        mine = [x for x in cases if x.call.scenario == scenario.name]
        if mine:
            lines += ["", f"## {title}", "", _summary(mine, done, day), "", *_rows(mine, done)]
        else:
            lines += ["", f"## {title}", "", kept.get(title, "Not played yet.")]
    lines += _details([done[str(one)] for one in cases if str(one) in done])
    return "\n".join(lines) + "\n"


def sections(text: str) -> dict[str, str]:
    """What stands below each heading of a page."""
    parts = re.split(r"^## (.+)\n+", text, flags=re.MULTILINE)[1:]
    return {title: body.strip() for title, body in zip(parts[::2], parts[1::2], strict=True)}


def _summary(cases: Sequence[Case], done: Mapping[str, Outcome], day: date) -> str:
    played = [done[str(one)] for one in cases if str(one) in done]
    failed = sum(not one.passed for one in played)
    words = (
        f"On {day}: {len(cases)} cases of {len({one.call for one in cases})} calls, {len(played)} "
        f"played, {failed} failed, {len(cases) - len(played)} not played."
    )
    counts: dict[str, int] = {}
    for one in played:
        counts[one.word] = counts.get(one.word, 0) + 1
    told = ", ".join(f"{n} {word}" for word, n in sorted(counts.items()))
    return f"{words} {told}." if told else words


def _rows(cases: Sequence[Case], done: Mapping[str, Outcome]) -> list[str]:
    rows = [
        "| # | by | call | " + " | ".join(Fault) + " |",
        "|---" * (3 + len(Fault)) + "|",
    ]
    for call in dict.fromkeys(one.call for one in cases):
        cells = []
        for fault in Fault:
            known = scenario_of(call.scenario).faults
            if fault not in known or (fault is Fault.KILL_FLOW and call.agent != PACKER):
                cells.append("–")
                continue
            outcome = done.get(str(Case(call, fault)))
            cells.append(outcome.word if outcome else "not played")
        rows.append(f"| {call.index} | {call.who} | {call.operation} | " + " | ".join(cells) + " |")
    return rows


def _details(played: Sequence[Outcome]) -> list[str]:
    failed = [one for one in played if not one.passed]
    if not failed:
        return []
    lines = ["", "## What failed", ""]
    for one in failed:
        lines += [f"- {one.case}: {one.word}, ended: {one.ended}"]
        lines += [f"  - {problem}" for problem in one.problems]
    return lines
