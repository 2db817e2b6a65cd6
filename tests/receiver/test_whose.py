"""Whose word counts for which repository, in front of a real Prefect server; and that people hear
of a push that started nothing."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from spotkiln.cli.deployment import find
from spotkiln.cli.pushes import pushes, refuse_unbound
from spotkiln.errors import InputError
from spotkiln.start.deployment import RELEASE
from spotkiln.start.hooks import NOT_STARTED, Host
from tests.receiver.deliveries import SECRET, encoded, headers, payload, signed
from tests.receiver.service import Server, Service, commit, commits

OTHER = "another horse, another battery"


@pytest.fixture(scope="module")
def several(
    server: Server, receiver: Service, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """Two teams' secrets for GitHub, and one for GitLab. Told after the receiver of the folder, so
    that what doctor reads is this one's."""
    receiver.wait_until_told()
    home = tmp_path_factory.mktemp("several")
    (home / "ssh").write_text("Host github-*\n  HostName github.com\n")
    settings = {
        "GITHUB_SECRETS": "PUSH_SECRET OTHER",
        "GITHUB_HOSTS": "",
        "SSH_CONFIG": f"{home}/ssh",
        "GITEA_SECRETS": "",
        "BITBUCKET_SECRETS": "",
        "CI_SECRETS": "",
    }
    environment = {**server.prefect.environment, "OTHER": OTHER}
    with Service(home, environment, **settings) as service:
        service.wait_until_told()
        yield service


def send(service: Service, repository: str, secret: str = SECRET, **changes: Any) -> httpx.Response:
    given = {
        "before": commit(),
        "after": commit(),
        "repository": {"clone_url": repository},
        **changes,
    }
    body = encoded(payload("github-push", **given))
    mark = signed(Host.GITHUB, body, secret)
    return service.send(Host.GITHUB, body, {**headers("github-push"), **mark})


def told(server: Server, deployment: str) -> str:
    """The reason in the event of a deployment; Prefect writes it a little later."""
    wanted = {"filter": {"event": {"name": [NOT_STARTED]}}, "limit": 50}
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found = server.api.post("/events/filter", json=wanted).raise_for_status().json()["events"]
        for event in found:
            if event["related"][0]["prefect.resource.id"] == f"prefect.deployment.{deployment}":
                return str(event["payload"]["reason"])
        time.sleep(0.5)
    raise TimeoutError("no event")


def examined(server: Server, name: str) -> str:
    """What doctor says of its pushes."""
    with temporary_settings({PREFECT_API_URL: f"{server.prefect.address}/api"}):
        return pushes(find(RELEASE, name))


def test_a_deployment_that_does_not_say_whose_word_it_takes(
    server: Server, several: Service
) -> None:
    unbound = server.deploy("unbound", "git@github.com:acme/unbound.git", "push:branch=main")
    answer = send(several, "https://github.com/acme/unbound")
    assert (answer.status_code, answer.json()["state"]) == (409, "refused")
    assert "add the tag push:secret=NAME" in answer.json()["reason"]
    assert server.runs(unbound) == []
    reason = told(server, unbound)
    assert reason == answer.json()["reason"]
    assert reason in several.log.read_text()
    with pytest.raises(InputError, match="add the tag push:secret=NAME"):
        examined(server, "unbound")


def test_only_those_that_take_its_word(server: Server, several: Service) -> None:
    address = "https://github.com/acme/bound"
    ours = server.deploy("ours", address, "push:branch=main", "push:secret=PUSH_SECRET")
    theirs = server.deploy("theirs", address, "push:branch=main", "push:secret=OTHER")
    assert send(several, address).status_code == 202
    assert (len(server.runs(ours)), len(server.runs(theirs))) == (1, 0)
    assert examined(server, "ours") == "main"


def test_two_hooks_that_tell_of_one_push_start_what_each_is_for(
    server: Server, several: Service
) -> None:
    address = "https://github.com/acme/twice"
    ours = server.deploy("twice-ours", address, "push:branch=main", "push:secret=PUSH_SECRET")
    theirs = server.deploy("twice-theirs", address, "push:branch=main", "push:secret=OTHER")
    step = {"before": commit(), "after": commit()}
    for secret in (SECRET, OTHER, SECRET, OTHER):
        assert send(several, address, secret, **step).status_code == 202
    for deployment in (ours, theirs):
        assert commits(server.runs(deployment)) == [step["after"]]


def test_a_host_speaks_for_no_other(server: Server, several: Service) -> None:
    """Whoever has GitLab's secret may not release what is at GitHub."""
    shop = "https://github.com/acme/foreign"
    tags = ("push:branch=main", "push:secret=PUSH_SECRET")
    deployment = server.deploy("foreign", shop, *tags)
    body = encoded(payload("gitlab-push", project={}, repository={"git_http_url": shop}))
    answer = several.send(
        Host.GITLAB, body, {**headers("gitlab-push"), **signed(Host.GITLAB, body)}
    )
    assert answer.status_code == 403
    assert "does not count for repositories at github.com" in answer.json()["error"]
    assert server.runs(deployment) == []


def test_an_alias_of_a_host(server: Server, several: Service) -> None:
    tags = ("push:branch=main", "push:secret=PUSH_SECRET")
    deployment = server.deploy("aliased", "git@github-shop:acme/aliased.git", *tags)
    over_443 = server.deploy("over-443", "ssh://git@ssh.github.com:443/acme/aliased.git", *tags)
    assert send(several, "https://github.com/acme/aliased.git").status_code == 202
    for one in (deployment, over_443):
        assert len(server.runs(one)) == 1


def test_a_path_that_fits_at_a_host_that_does_not(server: Server, several: Service) -> None:
    tags = ("push:branch=main", "push:secret=PUSH_SECRET")
    missed = server.deploy("missed", "git@hub-of-ours:acme/missed.git", *tags)
    answer = send(several, "https://github.com/acme/missed")
    assert (answer.status_code, answer.json()["state"]) == (200, "ignored")
    for part in ("release/missed", "the host does not", "hub-of-ours/acme/missed"):
        assert part in answer.json()["reason"]
    reason = told(server, missed)
    assert reason in answer.json()["reason"]
    assert reason in several.log.read_text()
    with pytest.raises(InputError, match=r"the path of branch main .* the host does not"):
        examined(server, "missed")
    # Somebody mends it.
    server.deploy("missed", "git@github-shop:acme/missed.git", *tags)
    assert "started" in send(several, "https://github.com/acme/missed").text
    # This machine does not know the alias, and the push that was missed is no news any more.
    with pytest.raises(InputError, match="no hook of the receiver speaks for"):
        examined(server, "missed")
    server.deploy("missed", "git@github.com:acme/missed.git", *tags)
    assert examined(server, "missed") == "main"


def test_a_commit_may_ask_that_nothing_be_done(server: Server, several: Service) -> None:
    address = "https://github.com/acme/quiet"
    tags = ("push:branch=main", "push:secret=PUSH_SECRET", "push:skip-ci=yes")
    deployment = server.deploy("quiet", address, *tags)
    head = commit()
    quiet: dict[str, Any] = {
        "after": head,
        "head_commit": {"id": head, "message": "Typo [skip ci]"},
    }
    answer = send(several, address, **quiet)
    assert (answer.status_code, server.runs(deployment)) == (200, [])
    assert "[skip ci]" in answer.json()["reason"]


@pytest.mark.parametrize("host", [Host.GITHUB, Host.GITEA])
def test_a_form(server: Server, receiver: Service, host: Host) -> None:
    """GitHub signs the form, Gitea what it holds."""
    server.deploy(f"form-{host}", f"https://{host}.example.com/acme/x", "push:branch=main")
    inner = encoded(payload(f"{host}-push", after=commit()))
    body = urlencode({"payload": inner}).encode()
    given = {**headers(f"{host}-push"), "content-type": "application/x-www-form-urlencoded"}
    mark = signed(host, body if host is Host.GITHUB else inner)
    answer = receiver.send(host, body, {**given, **mark})
    assert answer.status_code in {200, 202}, answer.text
    assert receiver.send(host, body + b"&a=1", {**given, **signed(host, b"x")}).status_code == 401


def test_several_refs_in_one_delivery(server: Server, receiver: Service) -> None:
    tags = ("push:branch=main", "push:tag=v*")
    deployment = server.deploy("refs", "git@bitbucket.org:acme/several.git", *tags)
    given = payload("bitbucket-several")
    given["repository"]["links"]["html"]["href"] = "https://bitbucket.org/acme/several"
    body = encoded(given)
    mark = signed(Host.BITBUCKET, body)
    answer = receiver.send(Host.BITBUCKET, body, {**headers("bitbucket-push"), **mark})
    assert answer.status_code == 202, answer.text
    # Branch and tag name the same commit: one run.
    assert len(server.runs(deployment)) == 1
    assert receiver.http.get(answer.json()["status"]).json() == answer.json()


def test_no_deployment_is_made_that_anybody_could_start(
    server: Server, several: Service, tmp_path: Path
) -> None:
    """The step of `prefect deploy`."""
    stanza = """
deployments:
  - name: shop
    tags: [{}]
    parameters: {{app: {{name: shop, repository: "git@github.com:acme/shop.git"}}}}
  - {{name: reconcile}}
"""
    with temporary_settings({PREFECT_API_URL: f"{server.prefect.address}/api"}):
        # What another test's receiver told.
        asyncio.run(_told_again(several))
        for number, (tags, said) in enumerate(
            [
                ('"push:branch=main", "push:secret=OTHER"', ""),
                ("shop", ""),
                ('"push:branch=main"', "release/shop: several secrets may sign"),
                ('"push:brnach=main"', "expected push:branch=PATTERN"),
            ]
        ):
            file = tmp_path / f"{number}.yaml"
            file.write_text(stanza.format(tags))
            if said:
                with pytest.raises(InputError, match=said):
                    refuse_unbound(str(file))
            else:
                assert refuse_unbound(str(file)) == {}


async def _told_again(service: Service) -> None:
    from spotkiln.receiver.settings import Settings
    from spotkiln.receiver.tell import publish

    await publish(Settings.from_environment(service.environment).hooks)
