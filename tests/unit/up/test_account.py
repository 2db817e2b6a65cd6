"""On an account: who asks is known before anything starts, and only what can work is suggested."""

import subprocess
import sys
from pathlib import Path

import pytest

from examples.up.account import require_account, suggest
from spotkiln.errors import InputError
from tests.unit.nouns import ROOT

BOTH = [("shop", "shop"), ("shop-staging", "shop-staging")]


def test_an_address_of_a_sandbox_is_no_account() -> None:
    with pytest.raises(InputError, match="AWS_ENDPOINT_URL is http://x, which is no account"):
        require_account({"AWS_ENDPOINT_URL": "http://x"})


@pytest.mark.programs
def test_without_credentials_nothing_starts(tmp_path: Path) -> None:
    """Not even a folder is made."""
    home = tmp_path / "home"
    done = subprocess.run(
        [sys.executable, "-m", "examples.up", "--account", "--home", str(home)],
        cwd=ROOT,
        env={
            "PATH": "/usr/bin:/bin",
            "HOME": str(tmp_path),
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_REGION": "eu-west-1",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (2, "")
    assert "no account answers, so nothing was started" in done.stdout
    assert "aws sso login" in done.stdout
    assert not home.exists()


def test_only_what_can_work_is_suggested() -> None:
    doctor, base = "spotkiln doctor", "spotkiln base rails-base"
    assert suggest(BOTH, {"shop-staging"}, base=True) == [doctor, "spotkiln release shop-staging"]
    assert suggest(BOTH, {"shop", "x"}, base=False) == [doctor, base, "spotkiln release shop"]
    assert suggest(BOTH, set(), base=False) == [doctor]
    assert suggest([], {"shop"}, base=True) == [doctor]
