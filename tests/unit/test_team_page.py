"""A team's page: what it says of several servers is what its test plays."""

import re

from spotkiln.start.ui import newer
from tests.team import cluster
from tests.unit.nouns import ROOT

PAGE = (ROOT / "docs" / "team.md").read_text()
SEVERAL = PAGE.partition("## Several Prefect servers")[2].partition("\n## ")[0]


def directives(text: str) -> set[str]:
    """nginx' settings, whose values do not depend on the machine."""
    found = re.findall(
        r"^ *((?:proxy_set|proxy_http|proxy_read|client_max)\w+ .+;)$", text, re.MULTILINE
    )
    return set(found)


def test_the_proxy_is_the_one_that_is_tested() -> None:
    shown = directives(SEVERAL)
    assert shown == directives(cluster.CONFIGURATION)
    # Runs send their log in parts of up to 4 MB; nginx takes 1 MB unless it is told.
    assert "client_max_body_size 16m;" in shown


def test_notifications_of_the_server_in_the_background_open_the_newer_ui() -> None:
    (address,) = re.findall(r"^    PREFECT_UI_URL=(\S+)$", SEVERAL, re.MULTILINE)
    assert address == newer(address.removesuffix("/v2"))
