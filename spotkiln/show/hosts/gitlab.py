"""GitLab: the status of a commit, and a deployment.

https://docs.gitlab.com/api/commits/ and https://docs.gitlab.com/api/deployments/
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from spotkiln.release.on_commit import Report, Standing
from spotkiln.show.hosts.call import Call, of_the_web, short

MOST = 255
# On one page.
MOST_LISTED = 100
STATUS = {
    Standing.STARTED: "running",
    Standing.WAITING: "pending",
    Standing.RELEASED: "success",
    Standing.FAILED: "failed",
    Standing.ENDED: "canceled",
}
# The API has no state for one that waits: it is made when the release starts.
DEPLOYMENT: dict[Standing, str] = {
    one: state for one, state in STATUS.items() if one is not Standing.WAITING
}
# What GitLab answers when it is told once more what it knows: that is no failure.
KNOWN = ("Cannot transition status", "has already been taken")


def headers(token: str) -> dict[str, str]:
    return {"private-token": token}


def _project(path: str) -> str:
    return f"/projects/{quote(path, safe='')}"


def status(path: str, report: Report) -> Call:
    body = {
        "state": STATUS[report.standing],
        "name": report.context,
        "description": short(report.description, MOST),
    }
    # A commit's own name is no ref: GitLab then looks for a branch that holds it.
    if report.ref != report.commit:
        body["ref"] = report.ref
    if of_the_web(report.url):
        body["target_url"] = report.url
    return Call(
        what="set the commit's status",
        method="POST",
        path=f"{_project(path)}/statuses/{report.commit}",
        body=body,
    )


def looks(path: str, report: Report) -> Call | None:
    asked = urlencode(
        {
            "environment": report.environment,
            "status": DEPLOYMENT[Standing.STARTED],
            "order_by": "id",
            "sort": "asc",
            "per_page": MOST_LISTED,
        }
    )
    return Call(
        what="look for the deployment", method="GET", path=f"{_project(path)}/deployments?{asked}"
    )


def is_it(found: Mapping[str, Any], report: Report) -> bool:
    """Of this commit, and of no job of GitLab's. It does not keep who has made it: the oldest is
    that of a run that was killed, for a run that lives ends its own."""
    return found.get("sha") == report.commit and not found.get("deployable")


def prepares(path: str, report: Report) -> Call | None:
    """A deployment makes an environment as well, but one without an address."""
    if not of_the_web(report.address):
        return None
    return Call(
        what="make an environment",
        method="POST",
        path=f"{_project(path)}/environments",
        body={"name": report.environment, "external_url": report.address},
    )


def opens(path: str, report: Report) -> Call | None:
    state = DEPLOYMENT.get(report.standing)
    if state is None:
        return None
    return Call(
        what="make a deployment",
        method="POST",
        path=f"{_project(path)}/deployments",
        body={
            "environment": report.environment,
            "sha": report.commit,
            "ref": report.ref,
            "tag": False,
            "status": state,
        },
    )


def updates(path: str, report: Report, deployment: str) -> Call | None:
    state = DEPLOYMENT.get(report.standing)
    if state is None:
        return None
    return Call(
        what="set the deployment's status",
        method="PUT",
        path=f"{_project(path)}/deployments/{deployment}",
        body={"status": state},
    )
