"""What reads the settings on a machine, by its script: against a metadata service, a Parameter
Store and a Secrets Manager that are played here, with curl's own signatures, checked by botocore.
"""

import base64
import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from spotkiln.bake.configuration import OF_THE_UNIT, is_variable
from tests.unit.nouns import ROOT

pytestmark = pytest.mark.programs

SCRIPT = ROOT / "systemd" / "read-config.sh"
SECRET, SESSION = "a/secret+key", "a/token+=="
PATH = "/shop/production/"
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


class Cloud:
    """What the machine asks. `pages` of Parameter Store by path, secrets by name."""

    def __init__(self, folder: Path) -> None:
        self.metadata = {
            "placement/region": "eu-west-1",
            "services/domain": "amazonaws.com",
            "iam/security-credentials/": "website",
            "iam/security-credentials/website": json.dumps(
                {"AccessKeyId": "AKIDEXAMPLE", "SecretAccessKey": SECRET, "Token": SESSION},
                indent=2,
            ),
        }
        self.parameters: dict[str, dict[str, str]] = {}
        self.secrets: dict[str, str | bytes] = {}
        # Answers that come before the right one.
        self.failures: list[tuple[int, dict[str, str]]] = []
        self.bad: list[str] = []
        self.asked: list[dict[str, Any]] = []
        self._told, self.run = folder / "told", folder / "run"
        self._told.mkdir()
        self.run.mkdir()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def boot(
        self, *names: str, role: str = "server", paths: str = "", secrets: str = "", path: str = ""
    ) -> "subprocess.CompletedProcess[str]":
        """The script on a machine of that role, with what its user data name, a line each."""
        for file, text in {"role": role, "parameters": paths, "secrets": secrets}.items():
            (self._told / file).write_text(f"{text}\n" if text else "")
        done = subprocess.run(
            ["bash", str(SCRIPT), "shop", *names],
            env={
                "PATH": path or os.environ["PATH"],
                "AWS_EC2_METADATA_SERVICE_ENDPOINT": self.address,
                "AWS_ENDPOINT_URL": self.address,
                "SPOTKILN_TOLD": str(self._told),
                "SPOTKILN_RUN": str(self.run),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        assert self.bad == []
        assert [one.name for one in self.run.iterdir() if one.name.startswith(".")] == []
        return done

    def variables(self) -> dict[str, str]:
        """What a shell makes of config.env."""
        done = subprocess.run(
            [
                "env",
                "-i",
                "bash",
                "-c",
                'set -a; . "$1"; exec env -0',
                "-",
                self.run / "config.env",
            ],
            stdout=subprocess.PIPE,
            check=True,
        )
        pairs = (one.decode().split("=", 1) for one in done.stdout.split(b"\0") if one)
        return {name: value for name, value in pairs if name not in {"PWD", "SHLVL", "_", "PATH"}}

    def files(self) -> dict[str, str]:
        folder = self.run / "credentials"
        return {one.name: one.read_bytes().decode() for one in folder.iterdir()}

    def answer(self, target: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.asked.append(body)
        if self.failures:
            return self.failures.pop(0)
        if target == "AmazonSSM.GetParametersByPath":
            assert body["WithDecryption"] is True
            found = list(self.parameters.get(body["Path"], {}).items())
            start = int(body.get("NextToken", '"0')[1:])
            page = [{"Name": body["Path"] + k, "Value": v} for k, v in found[start : start + 10]]
            # One that has to be quoted on its way back.
            more = {"NextToken": f'"{start + 10}'} if len(found) > start + 10 else {}
            return 200, {"Parameters": page, **more}
        name = body["SecretId"]
        if name not in self.secrets:
            return 400, {"__type": "ResourceNotFoundException", "Message": "can't find it"}
        value = self.secrets[name]
        if isinstance(value, bytes):
            return 200, {"Name": name, "SecretBinary": base64.b64encode(value).decode()}
        return 200, {"Name": name, "SecretString": value}


def _handler(cloud: Cloud) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def _reply(self, status: int, text: str) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

        def do_PUT(self) -> None:
            self._reply(200, "imds-token")

        def do_GET(self) -> None:
            if self.headers["X-aws-ec2-metadata-token"] != "imds-token":
                cloud.bad.append(f"without a token: {self.path}")
            found = cloud.metadata.get(self.path.removeprefix("/latest/meta-data/"))
            self._reply(200 if found is not None else 404, found or "")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            target = self.headers["X-Amz-Target"]
            if self.headers["Authorization"] != self._signed(body):
                cloud.bad.append(f"signature of {target}")
            status, found = cloud.answer(target, json.loads(body))
            self._reply(status, json.dumps(found))

        def _signed(self, body: bytes) -> str:
            """As botocore signs the very same request."""
            mine = self.headers["Authorization"]
            _, _, rest = mine.partition("Credential=AKIDEXAMPLE/")
            _, region, service, *_ = rest.split("/")
            signed = re.search(r"SignedHeaders=([^,]+)", mine)
            names = signed[1].split(";") if signed else []
            headers = {name: self.headers[name] for name in names if name != "host"}
            request = AWSRequest("POST", f"{cloud.address}/", headers, body)
            request.context["timestamp"] = self.headers["X-Amz-Date"]
            signer = SigV4Auth(Credentials("AKIDEXAMPLE", SECRET), service, region)
            canonical = signer.canonical_request(request)
            text = signer.string_to_sign(request, canonical)
            return mine.rpartition("=")[0] + "=" + signer.signature(text, request)

    return Handler


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    found = Cloud(tmp_path)
    yield found
    found.close()


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
