"""Names of runs that nobody chose."""

import pytest
from prefect.utilities.names import generate_slug

from spotkiln.prefect_api.made_up import is_made_up


def test_those_of_the_server() -> None:
    assert [name for name in (generate_slug(2) for _ in range(200)) if not is_made_up(name)] == []


@pytest.mark.parametrize("name", ["Rustic-Lion", "Handcrafted-ox", "Incredible-Jaguar"])
def test_those_of_the_form(name: str) -> None:
    assert is_made_up(name)


@pytest.mark.parametrize(
    "name",
    [
        *("hotfix-login", "hotfix", "Hotfix-login", "fix the login", "release-42", "", "-"),
        *("Small-correction", "brave otter", "brave", "shop 3f2a91c push", "Brave-Otter"),
    ],
)
def test_those_that_people_give(name: str) -> None:
    assert not is_made_up(name)
