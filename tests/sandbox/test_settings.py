"""Parameters and secrets as a person shows and sets them: no secret is on a command line,
and none is shown unasked."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.client import Sandbox
from tests.sandbox.account import Account

pytestmark = pytest.mark.sandbox

ROOT = Path(__file__).parents[2]
SECRET = "hush hush"


def command(box: Sandbox, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    """The sandbox is the one that the environment names, as `make up` does it."""
    return subprocess.run(
        [sys.executable, "-m", "sandbox", *arguments],
        cwd=ROOT,
        env={**os.environ, "SANDBOX_DIR": str(box.directory)},
        input=typed,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_parameters_are_shown_without_secrets(box: Sandbox) -> None:
    shown = command(box, "parameters", "/demo-web-app/production/")
    assert [line.split() for line in shown.stdout.splitlines()] == [
        ["NAME", "TYPE", "VERSION", "VALUE"],
        ["/demo-web-app/production/GREETING", "String", "1", "Hello", "from", "production"],
        ["/demo-web-app/production/SECRET_KEY_BASE", "SecureString", "1", "(not", "shown)"],
    ]
    asked = command(box, "parameters", "/demo-web-app/production", "--values").stdout
    assert len(asked.splitlines()[2].split()[-1]) == 128
    assert "/demo-web-app/staging/GREETING" in command(box, "parameters").stdout
    assert command(box, "parameters", "/nothing/").stdout == "no parameters below /nothing/\n"


def test_a_parameter_is_set_from_standard_input(account: Account, box: Sandbox) -> None:
    name, ssm = "/typed/production/TOKEN", account.client("ssm")
    done = command(box, "set-parameter", name, "--secure", typed=f"{SECRET}\n")
    assert (done.returncode, done.stdout) == (0, f"{name} has version 1\n")
    found = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]
    assert (found["Type"], found["Value"]) == ("SecureString", SECRET)
    # Of several lines only the last one's end is not meant.
    assert command(box, "set-parameter", name, typed="one\ntwo\n").stdout.endswith("version 2\n")
    found = ssm.get_parameter(Name=name)["Parameter"]
    assert (found["Type"], found["Value"]) == ("String", "one\ntwo")
    ssm.delete_parameter(Name=name)


def test_what_the_store_refuses_is_told_in_its_words(box: Sandbox) -> None:
    refused = command(box, "set-parameter", "/aws/mine", typed="x")
    assert refused.returncode == 1
    assert (
        refused.stderr == "parameter /aws/mine: No access to reserved parameter name: /aws/mine.\n"
    )
    refused = command(box, "set-parameter", "/typed/EMPTY", typed="")
    assert refused.returncode == 1
    assert "length greater than or equal to 1" in refused.stderr


def test_a_secrets_keys_are_set_one_by_one(account: Account, box: Sandbox) -> None:
    name, vault = "typed/production", account.client("secretsmanager")
    for key in ("A", "B", "A"):
        done = command(box, "set-secret", name, key, typed=f"{SECRET} {key}\n")
        assert (done.returncode, done.stdout) == (0, f"{name} has a new value of {key}\n")
    values = {"A": f"{SECRET} A", "B": f"{SECRET} B"}
    assert json.loads(vault.get_secret_value(SecretId=name)["SecretString"]) == values
    shown = command(box, "secrets").stdout
    assert SECRET not in shown
    assert [line.split(maxsplit=1) for line in shown.splitlines()] == [
        ["NAME", "KEYS"],
        *([f"demo-web-app/{one}", "MAIL_PASSWORD"] for one in ("production", "staging", "test")),
        [name, "A, B"],
    ]
    vault.put_secret_value(SecretId=name, SecretString="no object")
    refused = command(box, "set-secret", name, "A", typed="x")
    assert refused.returncode == 1
    assert "expected a JSON object" in refused.stderr
    assert vault.get_secret_value(SecretId=name)["SecretString"] == "no object"
    vault.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)


def test_what_is_typed_at_a_terminal_is_not_shown(account: Account, box: Sandbox) -> None:
    name, ssm = "/typed/production/AT_TERMINAL", account.client("ssm")
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(ROOT)
        words = [sys.executable, "-m", "sandbox", "set-parameter", name, "--secure"]
        os.execve(sys.executable, words, {**os.environ, "SANDBOX_DIR": str(box.directory)})
    seen = b""
    while f"{name}: ".encode() not in seen:
        seen += os.read(terminal, 1024)
    os.write(terminal, f"{SECRET}\n".encode())
    try:
        while more := os.read(terminal, 1024):
            seen += more
    except OSError:  # how a terminal ends on Linux
        pass
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert SECRET.encode() not in seen
    found = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]
    assert found["Value"] == SECRET
    ssm.delete_parameter(Name=name)


def test_without_a_sandbox_it_says_how_to_start_one(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sandbox", "secrets", "--dir", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "sandbox up --detach" in done.stderr
