"""Deliveries as the hosts send them: recorded shapes, signed as each host signs."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spotkiln.start.hooks import Host

PAYLOADS = Path(__file__).parent / "payloads"
BEFORE = "95790bf891e76fee5e1747ab589903a6a1f80f22"
COMMIT = "da1560886d4f094c3e6c9ef40349f7d38b5d27d7"
TAG_OBJECT = "82b3d5ae55f7080f1e6022629cdb57bfae7cccc7"
SECRET = "correct horse battery"
SIGNING = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
EVENTS = {
    "github-push": ("x-github-event", "push"),
    "github-tag": ("x-github-event", "push"),
    "github-deleted": ("x-github-event", "push"),
    "github-ping": ("x-github-event", "ping"),
    "gitlab-push": ("x-gitlab-event", "Push Hook"),
    "gitlab-tag": ("x-gitlab-event", "Tag Push Hook"),
    "gitlab-deleted": ("x-gitlab-event", "Push Hook"),
    "gitlab-issue": ("x-gitlab-event", "Issue Hook"),
    "gitea-push": ("x-gitea-event", "push"),
    "gitea-tag": ("x-gitea-event", "push"),
    "gitea-deleted": ("x-gitea-event", "push"),
    "gitea-issues": ("x-gitea-event", "issues"),
    "bitbucket-push": ("x-event-key", "repo:push"),
    "bitbucket-tag": ("x-event-key", "repo:push"),
    "bitbucket-deleted": ("x-event-key", "repo:push"),
    "bitbucket-issue": ("x-event-key", "issue:created"),
    "bitbucket-server-push": ("x-event-key", "repo:refs_changed"),
    "bitbucket-server-tag": ("x-event-key", "repo:refs_changed"),
    "bitbucket-server-deleted": ("x-event-key", "repo:refs_changed"),
    "bitbucket-server-ping": ("x-event-key", "diagnostics:ping"),
    "ci-push": ("x-ci", "push"),
    "ci-tag": ("x-ci", "push"),
}


def payload(name: str, **changes: Any) -> dict[str, Any]:
    return {**json.loads((PAYLOADS / f"{name}.json").read_text()), **changes}


def encoded(given: Mapping[str, Any]) -> bytes:
    return json.dumps(given).encode()


def host_of(name: str) -> Host:
    return Host(name.partition("-")[0])


def headers(name: str) -> dict[str, str]:
    """The event's; without a signature."""
    return {"content-type": "application/json", **dict([EVENTS[name]])}


def digest(body: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def standard(
    body: bytes, at: float, secret: str = SIGNING, number: str = "msg_1"
) -> dict[str, str]:
    """GitLab's headers when the hook has a signing token."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    text = f"{number}.{int(at)}.".encode() + body
    signature = base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
    return {
        "webhook-id": number,
        "webhook-timestamp": str(int(at)),
        "webhook-signature": f"v1,{signature}",
    }


def signed(host: Host, body: bytes, secret: str = SECRET) -> dict[str, str]:
    if host is Host.GITHUB:
        return {"x-hub-signature-256": f"sha256={digest(body, secret)}"}
    if host is Host.GITEA:
        return {"x-gitea-signature": digest(body, secret)}
    if host is Host.BITBUCKET:
        return {"x-hub-signature": f"sha256={digest(body, secret)}"}
    if host is Host.CI:
        return {"authorization": f"Bearer {secret}"}
    return {"x-gitlab-token": secret}
