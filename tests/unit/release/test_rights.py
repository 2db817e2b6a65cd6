"""Which rights a release needs, and what a simulation says of them."""

from spotkiln.aws.serve.spot_fleet.rights import ACTIONS
from spotkiln.release.rights import NEEDED, Granted, missing, together
from tests.unit.nouns import ROOT

EVERY = [one for found in together(NEEDED, ACTIONS).values() for one in found]


def test_the_documentation_names_each() -> None:
    text = (ROOT / "docs" / "aws.md").read_text()
    assert [one for one in EVERY if one.partition(":")[2] not in text] == []


def test_each_is_asked_for_once_of_one_kind_of_thing() -> None:
    assert len(EVERY) == len(set(EVERY))
    assert set(together(NEEDED, ACTIONS)) == NEEDED.keys() | ACTIONS.keys()


def test_what_depends_on_a_condition_is_not_missing() -> None:
    assert missing(
        [
            Granted("ec2:StopInstances", allowed=True, conditional=False),
            Granted("ec2:TerminateInstances", allowed=False, conditional=True),
            Granted("ec2:DeleteSnapshot", allowed=False, conditional=False),
            Granted("ec2:DeleteSnapshot", allowed=False, conditional=False),
        ]
    ) == ["ec2:DeleteSnapshot"]
