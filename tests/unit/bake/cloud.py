"""What a machine's scripts ask: a metadata service and a load balancer's API that are played here,
with curl's own signatures, which are checked by botocore."""

import json
import os
import subprocess
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from spotkiln.bake.units import image_files
from tests.unit.nouns import GROUP, settled

SECRET, SESSION = "a/secret+key", "a/token+=="
MINE = "i-0123456789abcdef0"
GROUPS_TAG = "tags/instance/spotkiln:target-group-arn"
REBALANCE_TAG = "tags/instance/spotkiln:capacity-rebalance"


def scripts(folder: Path) -> Path:
    """The scripts as an image has them: some take others in, which are beside them."""
    for path, text in image_files(settled()).items():
        if path.startswith("lib/"):
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_text(text)
    return folder / "lib"


class Cloud:
    """What the machine asks. `states` are of this and other targets, in every group; a draining
    one is let go of at the third look."""

    def __init__(self, folder: Path) -> None:
        self.metadata = {
            "instance-life-cycle": "spot",
            "instance-id": MINE,
            "placement/region": "eu-west-1",
            "services/domain": "amazonaws.com",
            GROUPS_TAG: GROUP,
            "iam/security-credentials/": "website",
            "iam/security-credentials/website": json.dumps(
                {"AccessKeyId": "AKIDEXAMPLE", "SecretAccessKey": SECRET, "Token": SESSION},
                indent=2,
            ),
        }
        self.states = {MINE: "healthy", "i-2": "healthy"}
        self.denied: set[str] = set()
        # Paths that the metadata service is too busy for.
        self.busy: set[str] = set()
        self.drains = True
        self.done: list[str] = []
        self.looks = 0
        # Actions and metadata paths.
        self.asked: Counter[str] = Counter()
        self.bad: list[str] = []
        self._folder = folder
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def notice(self, seconds: float) -> None:
        end = datetime.now(UTC) + timedelta(seconds=seconds)
        action = {"action": "terminate", "time": f"{end:%Y-%m-%dT%H:%M:%SZ}"}
        self.metadata["spot/instance-action"] = json.dumps(action)

    def start(self, script: str, *arguments: str, **environment: str) -> "subprocess.Popen[str]":
        """A script, with a systemctl that only notes what it is told, unless there is another."""
        stub = self._folder / "systemctl"
        if not stub.exists():
            stub.write_text(f'#!/bin/sh\necho "$@" >>{self._folder}/told\n')
            stub.chmod(0o755)
        return subprocess.Popen(
            ["bash", str(scripts(self._folder) / script), *arguments],
            env={
                "PATH": f"{self._folder}:{os.environ['PATH']}",
                "AWS_EC2_METADATA_SERVICE_ENDPOINT": self.address,
                # A proxy that a base image may name is for the API. Metadata never go through it:
                # this one leads nowhere, and the API is at a name that needs none.
                "AWS_ENDPOINT_URL": self.address.replace("127.0.0.1", "localhost"),
                "http_proxy": "http://127.0.0.1:9",
                "no_proxy": "localhost",
                "RUNTIME_DIRECTORY": str(self._folder),
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    @property
    def told(self) -> list[str]:
        file = self._folder / "told"
        return file.read_text().splitlines() if file.exists() else []

    def wait_until_asked(self, what: str, times: int) -> None:
        deadline = time.monotonic() + 30
        while self.asked[what] < times:
            assert time.monotonic() < deadline, (what, self.asked)
            time.sleep(0.02)

    def elb(self, fields: dict[str, list[str]]) -> tuple[int, str]:
        action, group = fields["Action"][0], fields["TargetGroupArn"][0]
        self.asked[action] += 1
        if action in self.denied:
            return 403, "<Error><Code>AccessDenied</Code><Message>not you</Message></Error>"
        if action == "DeregisterTargets":
            self.done.append(f"{group} {fields['Targets.member.1.Id'][0]}")
            self.states[MINE] = "draining"
            return 200, "<DeregisterTargetsResponse/>"
        asked = fields.get("Targets.member.1.Id", list(self.states))
        if self.states[MINE] == "draining":
            self.looks += 1
            if self.drains and self.looks >= 3:
                self.states[MINE] = "unused"
        targets = "".join(
            f"<member><Target><Id>{one}</Id></Target><TargetHealth>\n<State>{self.states[one]}"
            "</State></TargetHealth></member>"
            for one in asked
        )
        return 200, f"<DescribeTargetHealthResponse>{targets}</DescribeTargetHealthResponse>"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(cloud: Cloud) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            assert self.path == "/latest/api/token"
            self._say(200, "a-token")

        def do_GET(self) -> None:
            if self.headers["X-aws-ec2-metadata-token"] != "a-token":
                cloud.bad.append(f"{self.path} without a token")
            path = self.path.removeprefix("/latest/meta-data/")
            cloud.asked[path] += 1
            if path in cloud.busy:
                return self._say(503, "")
            found = cloud.metadata.get(path)
            return self._say(200 if found is not None else 404, found or "")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if not signed(dict(self.headers.items()), body, f"{cloud.address}{self.path}"):
                cloud.bad.append(f"badly signed: {body!r}")
            self._say(*cloud.elb(parse_qs(body.decode())))

        def _say(self, status: int, text: str) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    return Handler


def signed(
    headers: dict[str, str], body: bytes, url: str, service: str = "elasticloadbalancing"
) -> bool:
    """Whether botocore comes to the same signature with the role's credentials."""
    given = {key.lower(): value for key, value in headers.items()}
    parts = dict(
        part.strip().split("=", 1)
        for part in given["authorization"].removeprefix("AWS4-HMAC-SHA256 ").split(",")
    )
    names = parts["SignedHeaders"].split(";")
    request = AWSRequest("POST", url, data=body, headers={name: given[name] for name in names})
    request.context["timestamp"] = given["x-amz-date"]
    auth = SigV4Auth(Credentials("AKIDEXAMPLE", SECRET, SESSION), service, "eu-west-1")
    text = auth.string_to_sign(request, auth.canonical_request(request))
    return (
        "x-amz-security-token" in names
        and given["x-amz-security-token"] == SESSION
        and auth.signature(text, request) == parts["Signature"]
    )
