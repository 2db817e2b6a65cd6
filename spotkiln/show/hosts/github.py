"""GitHub: a commit status, and a deployment with statuses of its own.

https://docs.github.com/en/rest/commits/statuses and .../rest/deployments
"""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from spotkiln.release.on_commit import Report, Standing
from spotkiln.show.hosts.call import Call, of_the_web, short

# A longer description is refused.
MOST = 140
# On one page.
MOST_LISTED = 100
STATUS = {
    Standing.STARTED: "pending",
    Standing.WAITING: "pending",
    Standing.RELEASED: "success",
    Standing.FAILED: "failure",
    Standing.ENDED: "error",
}
DEPLOYMENT = {
    Standing.STARTED: "in_progress",
    Standing.WAITING: "queued",
    Standing.RELEASED: "success",
    Standing.FAILED: "failure",
    Standing.ENDED: "inactive",
}


def headers(token: str) -> dict[str, str]:
    return {
        "authorization": f"Bearer {token}",
        "accept": "application/vnd.github+json",
        "x-github-api-version": "2022-11-28",
    }


def _repo(path: str) -> str:
    return f"/repos/{quote(path, safe='/')}"


def status(path: str, report: Report) -> Call:
    body = {
        "state": STATUS[report.standing],
        "context": report.context,
        "description": short(report.description, MOST),
    }
    if of_the_web(report.url):
        body["target_url"] = report.url
    return Call(
        what="set the commit's status",
        method="POST",
        path=f"{_repo(path)}/statuses/{report.commit}",
        body=body,
    )


def looks(path: str, report: Report) -> Call | None:
    asked = urlencode(
        {"sha": report.commit, "environment": report.environment, "per_page": MOST_LISTED}
    )
    return Call(
        what="look for the deployment", method="GET", path=f"{_repo(path)}/deployments?{asked}"
    )


def is_it(found: Mapping[str, Any], report: Report) -> bool:
    """Whether this run has made it. GitHub keeps what it was given, some of its servers as text."""
    payload = found.get("payload")
    if isinstance(payload, str):
        try:
            payload = json.loads(payload)
        except ValueError:
            return False
    return isinstance(payload, dict) and payload.get("run") == report.run


def prepares(path: str, report: Report) -> Call | None:  # noqa: ARG001 - as the others
    return None


def opens(path: str, report: Report) -> Call | None:
    return Call(
        what="make a deployment",
        method="POST",
        path=f"{_repo(path)}/deployments",
        body={
            "ref": report.commit,
            "environment": report.environment,
            "description": "Released by Spotkiln",
            "payload": {"run": report.run},
            # Nothing is merged, and what other checks say of the commit is no matter here.
            "auto_merge": False,
            "required_contexts": [],
        },
    )


def updates(path: str, report: Report, deployment: str) -> Call | None:
    body: dict[str, object] = {
        "state": DEPLOYMENT[report.standing],
        "environment": report.environment,
        "description": short(report.description, MOST),
        "auto_inactive": True,
    }
    if of_the_web(report.url):
        body["log_url"] = report.url
    if of_the_web(report.address):
        body["environment_url"] = report.address
    return Call(
        what="set the deployment's status",
        method="POST",
        path=f"{_repo(path)}/deployments/{deployment}/statuses",
        body=body,
    )
