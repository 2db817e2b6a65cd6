"""Gitea and Forgejo: a commit status. They have no deployments.

https://docs.gitea.com/api (repoCreateStatus)
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from spotkiln.release.on_commit import Report, Standing
from spotkiln.show.hosts.call import Call, of_the_web, short

MOST = 255
STATUS = {
    Standing.STARTED: "pending",
    Standing.WAITING: "pending",
    Standing.RELEASED: "success",
    Standing.FAILED: "failure",
    Standing.ENDED: "warning",
}


def headers(token: str) -> dict[str, str]:
    return {"authorization": f"token {token}"}


def _description(report: Report) -> str:
    """There is no other place for the address."""
    there = report.standing is Standing.RELEASED and of_the_web(report.address)
    return f"{report.address}: {report.description}" if there else report.description


def status(path: str, report: Report) -> Call:
    return Call(
        what="set the commit's status",
        method="POST",
        path=f"/repos/{quote(path, safe='/')}/statuses/{report.commit}",
        body={
            "state": STATUS[report.standing],
            "context": report.context,
            "description": short(_description(report), MOST),
            "target_url": report.url if of_the_web(report.url) else "",
        },
    )


def looks(path: str, report: Report) -> Call | None:  # noqa: ARG001 - as the others
    return None


def is_it(found: Mapping[str, Any], report: Report) -> bool:  # noqa: ARG001
    return False


def prepares(path: str, report: Report) -> Call | None:  # noqa: ARG001 - as the others
    return None


def opens(path: str, report: Report) -> Call | None:  # noqa: ARG001 - as the others
    return None


def updates(path: str, report: Report, deployment: str) -> Call | None:  # noqa: ARG001
    return None
