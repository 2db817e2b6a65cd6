"""What reads the settings on a machine, by its script: against a metadata service, a Parameter
Store and a Secrets Manager that are played here, with curl's own signatures, checked by botocore.
"""

import json
import re
import shutil
from pathlib import Path

import pytest

from spotkiln.bake.configuration import OF_THE_UNIT, is_variable
from tests.unit.bake.settings_at_aws import PATH, SCRIPT, Cloud, cloud

__all__ = ["cloud"]

pytestmark = pytest.mark.programs
# Whatever may come to a program's harm on its way through JSON, a file and a shell.
NASTY = {
    "PLAIN": "postgres://shop:p%40ss@db.internal:5432/shop?sslmode=require",
    "QUOTES": """ "double" 'single' `backtick` """,
    "DOLLARS": "$HOME ${HOME} $(id) $$ \\$",
    "BACKSLASHES": '\\ \\\\ \\n \\" \\',
    "LINES": "first\nsecond\n\nfourth \\\nfifth\n",
    "CRLF": "-----BEGIN KEY-----\r\nMIIE\r\n-----END KEY-----\r\n",
    "ODD": "# no comment; ! % & | < > * ? [ ] { } ~ ^ = ,\t\x01\x1b[31m\x7f",
    "WIDE": "Grüße, 世界 🚀 \u2028 \xa0",
    "BLANKS": "   ",
    "EQUALS": "=a=b=",
    "LONG": 'x\\"$`' * 1600,
    "_1": "-n",
}


# -- values --


def test_a_process_and_a_file_have_the_very_value(cloud: Cloud) -> None:
    """More than a page of parameters, and a secret's keys: one is as exact as the other."""
    parameters = {f"PLAIN_{n}": str(n) for n in range(12)}
    cloud.parameters[PATH] = {**NASTY, **parameters}
    cloud.secrets["shop"] = json.dumps({f"S_{name}": value for name, value in NASTY.items()})
    done = cloud.boot("LINES", "S_LINES", paths=PATH, secrets="shop")
    assert done.returncode == 0, done.stdout
    expected = {**NASTY, **parameters, **{f"S_{name}": value for name, value in NASTY.items()}}
    assert cloud.variables() == expected
    assert cloud.files() == expected


def test_nothing_of_a_value_is_said(cloud: Cloud) -> None:
    cloud.parameters[PATH] = NASTY
    cloud.secrets["shop"] = json.dumps(NASTY)
    done = cloud.boot("NOT_THERE", paths=PATH, secrets="shop")
    assert done.returncode == 1
    words = {word for value in NASTY.values() for word in re.findall(r"\w{5,}", value)}
    assert words
    assert [word for word in words if word in done.stdout] == []


def test_only_its_group_may_read_them(cloud: Cloud) -> None:
    cloud.parameters[PATH] = {"A": "1"}
    assert cloud.boot(paths=PATH).returncode == 0
    modes = {one.name: one.stat().st_mode & 0o777 for one in cloud.run.rglob("*")}
    assert modes == {"config.env": 0o640, "credentials": 0o750, "A": 0o640}


def test_what_was_read_before_goes(cloud: Cloud) -> None:
    cloud.parameters[PATH] = {"A": "1", "B": "2"}
    cloud.boot(paths=PATH)
    cloud.parameters[PATH] = {"A": "3"}
    cloud.boot(paths=PATH)
    assert cloud.variables() == cloud.files() == {"A": "3"}


# -- names --


def test_the_last_of_a_name_counts_and_secrets_come_after_parameters(cloud: Cloud) -> None:
    cloud.parameters = {"/a/": {"X": "a", "Y": "a", "Z": "a"}, "/b/": {"Y": "b", "Z": "b"}}
    cloud.secrets["shop"] = '{"Z": "s"}'
    done = cloud.boot(paths="/a/\n/b/", secrets="shop")
    assert cloud.variables() == {"X": "a", "Y": "b", "Z": "s"}
    assert "config: Y of /b/ goes before that of /a/" in done.stdout
    assert "config: Z of secret shop goes before that of /b/" in done.stdout


def test_a_line_end_that_came_with_a_file_is_told(cloud: Cloud) -> None:
    """It stays, for a value arrives as it is: a key in several lines has it on purpose."""
    given = {"URL": "postgresql://db/shop\n", "KEY": "begin\nend\n", "PLAIN": "x"}
    cloud.parameters = {PATH: given}
    cloud.secrets["shop"] = '{"TOKEN": "t\\n"}'
    done = cloud.boot(paths=PATH, secrets="shop")
    assert cloud.variables() == {**given, "TOKEN": "t\n"}
    told = [one for one in done.stdout.splitlines() if "ends with the end of a line" in one]
    assert [one.split()[1] for one in told] == ["URL", "TOKEN"]
    assert "postgresql" not in done.stdout


def test_a_name_that_can_be_no_variable_is_a_file(cloud: Cloud) -> None:
    names = ["tls.key", "server-cert.pem", "1ST", "PORT", "HOME", "UID", "SHELLOPTS"]
    cloud.parameters[PATH] = {**dict.fromkeys(names, "x"), "A": "1"}
    assert cloud.boot(paths=PATH).returncode == 0
    assert cloud.variables() == {"A": "1"}
    assert cloud.files().keys() == {*names, "A"}
    assert [name for name in names if is_variable(name)] == []
    # What cannot be a variable is not there as one either.
    done = cloud.boot("PORT", paths=PATH)
    assert "missing: PORT" in done.stdout


def test_both_sides_know_the_same_names_of_the_unit() -> None:
    found = re.search(r"IN\(([^)]*)\)", SCRIPT.read_text())
    assert found
    assert set(json.loads(f"[{found[1]}]")) == OF_THE_UNIT


def test_what_is_no_text_is_left_out_and_told(cloud: Cloud) -> None:
    cloud.secrets["shop/db"] = (
        '{"port": 5432, "tls": true, "none": null, "list": [1], "half": 0.10, '
        '"large": 12345678901234567890, "zero": "a\\u0000b", "../up": "x", "A\\nB": "x", "": "x", '
        '"empty": ""}'
    )
    done = cloud.boot(secrets="shop/db")
    assert cloud.variables() == {"port": "5432", "tls": "true", "empty": ""}
    assert cloud.files() == {"port": "5432", "tls": "true", "zero": "a\0b", "empty": ""}
    for name in ("none", "list", "half", "large", "../up", "A\\nB", ""):
        assert f'secret shop/db has "{name}", which is left out' in done.stdout


@pytest.mark.parametrize("text", ["hunter2", '"hunter2"', "[1]", "17", "nan", "{broken"])
def test_a_secret_that_is_no_object_is_called_as_itself(cloud: Cloud, text: str) -> None:
    cloud.secrets["shop/production/TOKEN"] = text
    assert cloud.boot("TOKEN", secrets="shop/production/TOKEN").returncode == 0
    assert cloud.variables() == {"TOKEN": text}


def test_a_secret_of_bytes_arrives_as_it_is(cloud: Cloud) -> None:
    """A key store is no text; one that is text counts as one."""
    store = bytes(range(256))
    cloud.secrets = {"shop/keys.p12": store, "shop/STORE": store, "shop/more": b'{"TOKEN": "x"}'}
    done = cloud.boot("TOKEN", secrets="shop/keys.p12\nshop/STORE\nshop/more")
    assert done.returncode == 0, done.stdout
    folder = cloud.run / "credentials"
    assert (folder / "keys.p12").read_bytes() == (folder / "STORE").read_bytes() == store
    assert cloud.variables() == {"TOKEN": "x"}


@pytest.mark.parametrize("character", ["\ufffe", "\ufdd0", "\U0001ffff"])
def test_what_systemd_takes_in_no_variable_is_a_file(cloud: Cloud, character: str) -> None:
    """It would leave the variable out, and write the value to its log."""
    cloud.parameters[PATH] = {"A": f"x{character}", "B": "1"}
    assert cloud.boot(paths=PATH).returncode == 0
    assert cloud.variables() == {"B": "1"}
    assert cloud.files() == {"A": f"x{character}", "B": "1"}


# -- what must be there --


def test_what_is_missing_is_named(cloud: Cloud) -> None:
    cloud.parameters[PATH] = {"A": "1"}
    cloud.secrets["shop"] = '{"EMPTY": ""}'
    done = cloud.boot("B", "EMPTY", "A", "AA", paths=PATH, secrets="shop")
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == (
        "config: missing: AA, B, EMPTY; looked in /shop/production/, secret shop; "
        "nothing of shop starts here"
    )
    assert not (cloud.run / "config.env").exists()


def test_names_without_a_configuration_are_missing(cloud: Cloud) -> None:
    done = cloud.boot("A")
    assert done.returncode == 1
    assert "missing: A; looked in nothing, for the deployment names no conf" in done.stdout


def test_without_a_configuration_nobody_is_asked(cloud: Cloud) -> None:
    cloud.metadata.clear()
    done = cloud.boot(path=without_jq(cloud.run.parent))
    assert (done.returncode, done.stdout) == (0, "")
    assert cloud.variables() == cloud.files() == {}


def test_the_tests_have_what_they_say_themselves(cloud: Cloud) -> None:
    assert cloud.boot("A", role="tester").returncode == 0
    cloud.parameters["/shop/test/"] = {"B": "2"}
    assert cloud.boot("A", role="tester", paths="/shop/test/").returncode == 0
    assert cloud.variables() == {"B": "2"}


# -- AWS --


def test_what_passes_by_itself_is_tried_again(cloud: Cloud) -> None:
    cloud.parameters[PATH] = {"A": "1"}
    cloud.failures = [
        (500, {"__type": "InternalServerError"}),
        (400, {"__type": "com.amazonaws#ThrottlingException", "message": "Rate exceeded"}),
        (400, {"__type": "AccessDeniedException", "Message": "User: x is not authorized"}),
    ]
    done = cloud.boot(paths=PATH)
    assert done.returncode == 0
    assert done.stdout.count("trying again") == 3
    assert "AccessDeniedException: User: x is not authorized" in done.stdout
    assert cloud.variables() == {"A": "1"}


def test_a_secret_that_is_not_there_ends_it_at_once(cloud: Cloud) -> None:
    done = cloud.boot(secrets="none")
    assert done.returncode == 1
    assert done.stdout == "config: there is no secret none; nothing of shop starts here\n"
    assert len(cloud.asked) == 1


def test_without_jq_it_says_what_to_do(cloud: Cloud) -> None:
    done = cloud.boot(paths=PATH, path=without_jq(cloud.run.parent))
    assert done.returncode == 1
    assert "there is no jq" in done.stdout


def without_jq(folder: Path) -> str:
    """A PATH with all that the script calls but jq."""
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    needed = [
        "bash",
        "base64",
        "cat",
        "curl",
        "mkdir",
        "mktemp",
        "mv",
        "paste",
        "rm",
        "sed",
        "sleep",
        "sort",
    ]
    for name in needed:
        (programs / name).unlink(missing_ok=True)
        (programs / name).symlink_to(str(shutil.which(name)))
    return str(programs)
