"""The fault matrix as a page."""

from collections.abc import Mapping, Sequence

from tests.reliability.cases import PACKER, SCENARIOS, Call, Case, Fault, Outcome, scenario_of

HEAD = """# The fault matrix

Every AWS call that changes something, as recorded from a release over a serving fleet; from one
that migrates before it asks for servers (of that only what it does more); from one with red tests,
one whose servers are sick, and a rollback (of these only where they go another way); from a
reconcile that undoes a killed release, and one that finishes a killed retirement. And what became
of each call with each fault. Written by `make torture`, nothing of it by hand.

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
- **settled**: the reconcile went on and left nothing
- **reconciled**: something was left, and one (more) reconcile finished or undid it

*Killed*: SIGKILL to the flow's process group before the call was carried out, or after it; at
Packer's calls Packer is killed too, as when the host is lost. *Flow killed*: the flow alone, and
Packer cleans up. *Error*: `UnauthorizedOperation` once. *Throttled*: twice in a row. *Stale*: the
three reads after it answer as before it. Packer here is the sandbox's stand-in, which makes the
same calls.
"""


def page(cases: Sequence[Case], done: Mapping[str, Outcome]) -> str:
    lines = [HEAD, _summary(cases, done)]
    for scenario in SCENARIOS:
        calls = list(dict.fromkeys(x.call for x in cases if x.call.scenario == scenario.name))
        if calls:
            lines += ["", f"## {scenario.name.capitalize()}", "", *_rows(calls, done)]
    lines += _details([done[str(one)] for one in cases if str(one) in done])
    return "\n".join(lines) + "\n"


def _summary(cases: Sequence[Case], done: Mapping[str, Outcome]) -> str:
    played = [done[str(one)] for one in cases if str(one) in done]
    failed = sum(not one.passed for one in played)
    words = (
        f"{len(cases)} cases of {len({one.call for one in cases})} calls: {len(played)} played, "
        f"{failed} failed, {len(cases) - len(played)} not played."
    )
    counts: dict[str, int] = {}
    for one in played:
        counts[one.word] = counts.get(one.word, 0) + 1
    return f"{words} " + ", ".join(f"{n} {word}" for word, n in sorted(counts.items())) + "."


def _rows(calls: Sequence[Call], done: Mapping[str, Outcome]) -> list[str]:
    rows = [
        "| # | by | call | " + " | ".join(Fault) + " |",
        "|---" * (3 + len(Fault)) + "|",
    ]
    for call in calls:
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
