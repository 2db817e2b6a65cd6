"""Secrets of a build: how they are named, and how they get to the builder."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from spotkiln.bake.builder import BuildSettings
from spotkiln.bake.secrets import Kind, Place, handed_over, in_memory, traces

VALUE = "npm_0123456789abcdef"


@pytest.mark.parametrize(
    ("written", "place"),
    [
        ("ssm:/shop/build/npm", Place(kind=Kind.PARAMETER, name="/shop/build/npm")),
        ("secret:shop/build", Place(kind=Kind.SECRET, name="shop/build")),
        ("secret:shop/build#npm", Place(kind=Kind.SECRET, name="shop/build", key="npm")),
        ("env:SHOP_NPM", Place(kind=Kind.VARIABLE, name="SHOP_NPM")),
    ],
)
def test_where_a_value_is(written: str, place: Place) -> None:
    assert BuildSettings(secrets={"NPM_TOKEN": written}).secrets == {"NPM_TOKEN": written}
    assert Place.of(written) == place
    assert str(place) == written


@pytest.mark.parametrize("value", [VALUE, "https://u:p@pypi.example.com/simple", "ssm:x y", ""])
def test_a_value_in_the_place_of_its_address_is_refused_and_not_repeated(value: str) -> None:
    with pytest.raises(ValidationError, match="expected where the value is, never") as refused:
        BuildSettings(secrets={"NPM_TOKEN": value})
    assert not value or value not in str(refused.value)


def test_a_value_in_the_place_of_its_name_is_not_repeated() -> None:
    with pytest.raises(ValidationError, match="something else as number 2") as refused:
        BuildSettings(secrets={"A": "env:X", "npm-0123456789": "env:NPM_TOKEN"})
    assert "npm-0123456789" not in str(refused.value)


@pytest.mark.parametrize("name", ["A-B", "1A", "", "PATH", "HOME", "BASH_ENV", "LD_PRELOAD", "UID"])
def test_a_name_that_is_not_for_a_secret(name: str) -> None:
    with pytest.raises(ValidationError, match=r"variable's name|not for a secret"):
        BuildSettings(secrets={name: "env:X"})


def test_what_a_value_is_known_by() -> None:
    found = traces(
        {
            "PIP_INDEX_URL": "https://build:Pa55%2Fword@pypi.example.com/simple",
            "TOKEN_URL": "https://ghp_tokentoken@github.com/",
            "BUNDLE_GEMS__EXAMPLE__COM": "ci:bundlers/password",
            "KEY": "-----BEGIN KEY-----\nline-of-a-key\n",
        }
    )
    for one in (
        "https://build:Pa55%2Fword@pypi.example.com/simple",
        "Pa55%2Fword",
        "Pa55/word",
        # What HTTP sends: printf build:Pa55/word | base64
        "YnVpbGQ6UGE1NS93b3Jk",
        "ghp_tokentoken",
        "bundlers/password",
        # What a program makes of it that puts it into an address itself.
        "bundlers%2Fpassword",
        "line-of-a-key",
    ):
        assert one in found, one
    # The longest first: else a part of it is taken out and the rest stays.
    assert [len(one) for one in found] == sorted(map(len, found), reverse=True)
    # Too short to be told from other text.
    assert "build" not in found


@pytest.mark.parametrize(
    "value", [VALUE, "it's $HOME `id` \\ \"x\" & 'y'", "two\nlines\n", "ü=x y "]
)
def test_the_builders_shell_gets_the_values_as_they_are(value: str, tmp_path: Path) -> None:
    """As packer/scripts/app.sh takes them: the assignments are for another shell."""
    file = tmp_path / "handed"
    file.write_bytes(handed_over({"A": value, "B": "beside it"}))
    script = (
        f'. {shlex.quote(str(file))}; printf "%s\\n" "$secrets" | env -i bash -c '
        "'set -a; eval \"$(cat)\"; set +a; env -0'"
    )
    said = subprocess.run(["bash", "-euc", script], capture_output=True, check=True).stdout
    variables = dict(one.split("=", 1) for one in said.decode().split("\0") if "=" in one)
    assert (variables["A"], variables["B"]) == (value, "beside it")


def test_without_secrets_there_is_no_file() -> None:
    assert handed_over({}) == b""
    with in_memory(b"") as path:
        assert path == Path(os.devnull)


def test_another_process_reads_them_by_a_path_that_is_on_no_disk() -> None:
    with in_memory(handed_over({"A": VALUE})) as path:
        assert path.is_relative_to("/proc")
        assert path.stat().st_mode & 0o777 == 0o600
        for _ in range(2):
            # A packer of its own session, and each of its tries from the beginning.
            read = subprocess.run(
                ["cat", path], capture_output=True, check=True, start_new_session=True
            )
            assert VALUE.encode() in read.stdout
    assert not path.exists()


def test_a_kill_takes_them_away() -> None:
    code = (
        "import time\nfrom spotkiln.bake.secrets import in_memory\n"
        "with in_memory(b'x' * 20) as path:\n print(path, flush=True)\n time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as one:
        assert one.stdout
        path = Path(one.stdout.readline().strip())
        assert path.read_bytes() == b"x" * 20
        one.kill()
        one.wait(10)
        assert not path.exists()
