"""Prefect's server does not start open to everyone: see spotkiln/cli/server.py."""

import os
import subprocess
import sys

import pytest

from spotkiln.cli.server import AUTH_STRING, guarded
from spotkiln.errors import InputError

OPEN = {AUTH_STRING: "team:word"}


def test_other_origins_and_requests_without_a_token_are_refused() -> None:
    assert guarded(OPEN) == {
        **OPEN,
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": "http://127.0.0.1:4200",
        "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "true",
        "PREFECT_UI_URL": "http://127.0.0.1:4200/v2",
    }


def test_the_origin_is_that_at_which_people_reach_the_ui() -> None:
    for address in ("https://prefect.example.com/", "https://prefect.example.com/v2"):
        found = guarded({**OPEN, "PREFECT_UI_URL": address})
        assert found["PREFECT_SERVER_CORS_ALLOWED_ORIGINS"] == "https://prefect.example.com"
        # Where links in notifications lead.
        assert found["PREFECT_UI_URL"] == "https://prefect.example.com/v2"


def test_who_has_chosen_the_older_ui_gets_links_to_it() -> None:
    own = {**OPEN, "PREFECT_UI_URL": "http://ui.test", "PREFECT_SERVER_UI_V2_ENABLED": "false"}
    assert guarded(own) == {**guarded(own), **own}


def test_what_somebody_set_stays() -> None:
    own = {**OPEN, "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "false", "HOME": "/root"}
    assert {**guarded(own), **own} == guarded(own)


@pytest.mark.parametrize(
    "given", [{}, {AUTH_STRING: ""}, {AUTH_STRING: "word"}, {AUTH_STRING: ":"}]
)
def test_without_a_password_it_says_what_to_set(given: dict[str, str]) -> None:
    with pytest.raises(InputError, match="set PREFECT_SERVER_API_AUTH_STRING to name:password"):
        guarded(given)


@pytest.mark.programs
def test_the_command_does_not_start_it_either() -> None:
    own = {k: v for k, v in os.environ.items() if k != AUTH_STRING}
    done = subprocess.run(
        [sys.executable, "-m", "spotkiln.cli.main", "server", "--port", "1"],
        env=own,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "the API would be open to everyone who reaches it" in done.stdout + done.stderr
