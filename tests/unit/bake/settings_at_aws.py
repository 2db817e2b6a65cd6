"""What a machine reads its settings from, as AWS answers it: metadata, parameters and secrets."""

import base64
import json
import os
import re
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

from tests.unit.nouns import ROOT

SECRET, SESSION = "a/secret+key", "a/token+=="
SCRIPT = ROOT / "systemd" / "read-config.sh"
PATH = "/shop/production/"


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
