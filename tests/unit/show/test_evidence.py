"""The page of what a failed fleet showed."""

from spotkiln import tags as t
from spotkiln.serve.evidence import Evidence
from spotkiln.serve.gate import Cause, GateOutcome, Verdict
from spotkiln.show.evidence import evidence_page
from tests.unit import nouns

SICK = Verdict(
    outcome=GateOutcome.FAILED, cause=Cause.FAILING_CHECK, detail="i-1 sick", advice="Look."
)
SAID = """\
[    4.2] EXT4-fs (nvme0n1p1): mounted
2026-11-26T01:00:46+0000 i-1 demo-web-app[65]: Missing `secret_key_base`
2026-11-26T01:00:47+0000 i-1 systemd[1]: demo-web-app.service: Failed with result 'exit-code'.
"""


def machine(name: str, **changes: str) -> object:
    one = nouns.instance(name, "running", type="t3.micro", zone="eu-west-1a")
    return one.model_copy(update={"tags": {t.APP: "demo-web-app"}, **changes})


def test_the_cause_comes_first_then_what_the_application_said() -> None:
    page = evidence_page(
        nouns.fleet("sfr-2"),
        SICK,
        Evidence(
            targets=(
                nouns.target("i-1", "unhealthy", "Target.Timeout"),
                nouns.target("i-2"),
            ),
            instances=(machine("i-1"), machine("i-2")),
            history=("2024-05-01 12:00:01 UTC instanceChange launched i-1",),
            consoles={"i-1": SAID, "i-2": SAID.replace("Missing", "Well"), "i-3": ""},
        ),
    )
    assert page.startswith(
        "# demo-web-app: new servers that did not pass the gate\n\n"
        "> failing check: i-1 sick. Look.\n\n"
        "They were `sfr-2` with 2 servers of commit `c0ffeec0ffee`. What served before serves on."
        "\n\n## The application's last lines on i-1\n\n`` Missing `secret_key_base` ``\n\n"
        "## Machines, failing ones first\n\n"
        "- **`i-1`**: unhealthy (Target.Timeout), running (t3.micro, eu-west-1a)\n"
        "- **`i-2`**: healthy, running (t3.micro, eu-west-1a)\n"
    )
    # Those of one that serves tell nothing of why another does not.
    assert "lines on i-2" not in page
    assert "## Console of i-3\n\nIt shows nothing yet.\n" in page
    assert page.endswith(
        "## What EC2 says of the fleet\n\n`2024-05-01 12:00:01 UTC instanceChange launched i-1`\n"
    )
    assert "```" not in page
    assert "|" not in page


def test_one_that_ended_says_by_what() -> None:
    lost = machine("i-1", state="terminated", lost_by="Server.SpotInstanceTermination")
    page = evidence_page(nouns.fleet(), SICK, Evidence(instances=(lost,)))
    told = "- **`i-1`**: terminated (t3.micro, eu-west-1a), ended by Server.SpotInstanceTermination"
    assert told in page.splitlines()


def test_of_a_fleet_that_left_none() -> None:
    verdict = Verdict(outcome=GateOutcome.FAILED, cause=Cause.CAPACITY, detail="no machines")
    page = evidence_page(nouns.fleet(tags={}), verdict, Evidence())
    assert page.startswith("# new servers that did not pass the gate\n\n> capacity: no machines\n")
    assert page.endswith("## What EC2 says of the fleet\n\nIt tells nothing.\n")
    assert "## Machines" not in page
