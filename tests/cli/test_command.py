"""The command against a real Prefect server, a worker, and the sandbox's account."""

import json
import subprocess
import sys
import time
import zlib
from pathlib import Path
from typing import Any

import pytest

from rehearsal.account import client
from spotkiln.aws.session import connect
from tests.cli.conftest import Command, deploy
from tests.reliability.flow_process import ROOT
from tests.reliability.world import World, without_release_only

PIPE = '"$0" -m spotkiln.cli.main versions demo | head -n 1'

PLACE = "a place for a preview"

pytestmark = [pytest.mark.sandbox, pytest.mark.prefect, pytest.mark.timeout(900)]


def test_versions_and_status(command: Command, world: World) -> None:
    code, out, _ = command("versions", "demo", "--json")
    new, old = json.loads(out)
    assert (code, new["serving"], old["serving"]) == (0, True, False)
    assert new["image"] == world.settled().image
    code, out, _ = command("versions", "demo")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == ["IMAGE", new["image"], old["image"]]

    code, out, _ = command("status", "demo", "--json")
    seen = json.loads(out)
    assert code == 0, out
    assert (seen["fleet"], seen["commit"]) == (world.settled().fleet, new["commit"])
    assert [one["health"] for one in seen["servers"]] == ["healthy", "healthy"]
    code, out, _ = command("status", "demo")
    assert "2 of 2 healthy" in out


def test_what_differs_between_two_versions_and_what_is_in_one(command: Command) -> None:
    code, out, _ = command("diff", "demo")
    assert code == 0, out
    assert "commits: 1" in out
    assert "Debian packages: the same" in out
    code, out, _ = command("diff", "demo", "current", "previous", "--json")
    found = json.loads(out)
    assert (code, found["before"]["serving"], found["unknown"]) == (0, True, [])
    assert found["changes"]["apart"]
    code, out, _ = command("sbom", "demo", "previous", "--json")
    document = json.loads(out)
    assert (code, document["bomFormat"]) == (0, "CycloneDX")
    assert document["metadata"]["component"]["bom-ref"] == found["now"]["image"]
    code, out, _ = command("sbom", "demo")
    assert (code, out.split()[:3]) == (0, ["KIND", "NAME", "VERSION"])
    assert "stand-in" in out
    code, _, err = command("diff", "demo", "ffffffff")
    assert code == 2
    assert "has no version 'ffffffff'" in err


def test_plan_changes_nothing(command: Command, world: World) -> None:
    world.box.clear_calls()
    code, out, _ = command("plan", "demo")
    assert code == 0
    assert "nothing to do: it serves already" in out
    code, out, _ = command("plan", "demo", "--ref", "red", "--json")
    made = json.loads(out)
    assert (code, made["image"], made["differ"]) == (0, "", ["source"])
    assert [one["id"] for one in made["retire"]] == [world.settled().fleet]
    price, alone = made["price"]["asked"], made["price"]["on_demand"]
    assert 0 < price["least"] < price["most"] < alone["most"]
    # As many old servers as new ones.
    assert made["both"] == {name: pytest.approx(2 * usd) for name, usd in price.items()}
    assert not [x for x in world.box.calls() if x["mutating"] and not x["error"]]


def test_doctor_tells_all_that_is_wrong(command: Command, world: World) -> None:
    key = world.account.ec2.describe_key_pairs()["KeyPairs"][0]
    world.account.ec2.delete_key_pair(KeyName=key["KeyName"])
    try:
        code, out, _ = command("doctor", "demo", "--json")
    finally:
        world.account.ec2.import_key_pair(KeyName="demo", PublicKeyMaterial=_public_key())
    wrong = {one["name"]: one["detail"] for one in json.loads(out) if not one["ok"]}
    assert code == 1
    # No worker was started yet, and of prefect.yaml only the application is deployed.
    assert wrong.keys() == {
        "worker", "key pair", "automations", "reconcile", "for all applications",
    }, wrong  # fmt: skip
    assert "spotkiln worker --pool spotkiln" in wrong["worker"]
    assert "no key pair 'demo'" in wrong["key pair"]
    assert "`spotkiln automations`" in wrong["automations"]
    fine = {one["name"]: one["detail"] for one in json.loads(out) if one["ok"]}
    assert fine["repository"].startswith(f"{world.repository}: v2 is ")
    assert fine["target group"] == "website"
    assert fine["rights"] == "all that a release does is allowed, as IAM simulates it"
    assert fine["fleet role's rights"] == "all that a fleet does is allowed, as IAM simulates it"
    assert "arn:" not in out


def test_doctor_finds_what_plan_would_stumble_over(command: Command, world: World) -> None:
    """A commit that is not there, a quota that is full, a right that is missing."""
    found = _checks(command)
    assert (found["plan"], found["quotas"]) == (
        "a release would be allowed to bake and to launch",
        "room for old and new servers side by side",
    )
    deploy(world, "release", world.parameters("no-such-branch"), name="astray")
    _, out, _ = command("doctor", "astray", "--json")
    wrong = {one["name"]: one["detail"] for one in json.loads(out) if not one["ok"]}
    assert "no branch, tag or commit 'no-such-branch'" in wrong["repository"]
    world.api.delete(f"/deployments/{_ident(world, 'astray')}").raise_for_status()


def test_doctor_names_the_rights_that_a_worker_lacks(
    command: Command, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    iam = client(world.box, "iam")
    trust = {"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": "*"}]}
    role = iam.create_role(RoleName="a-poor-worker", AssumeRolePolicyDocument=json.dumps(trust))[
        "Role"
    ]
    rules = [
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Effect": "Deny", "Action": ["ec2:DeregisterImage", "iam:PassRole"], "Resource": "*"},
    ]
    policy = json.dumps({"Version": "2012-10-17", "Statement": rules})
    iam.put_role_policy(RoleName="a-poor-worker", PolicyName="it", PolicyDocument=policy)
    given = client(world.box, "sts").assume_role(RoleArn=role["Arn"], RoleSessionName="host-1")
    for name, key in (
        ("AWS_ACCESS_KEY_ID", "AccessKeyId"),
        ("AWS_SECRET_ACCESS_KEY", "SecretAccessKey"),
        ("AWS_SESSION_TOKEN", "SessionToken"),
    ):
        monkeypatch.setenv(name, given["Credentials"][key])
    connect.cache_clear()
    _, out, _ = command("doctor", "demo", "--json")
    wrong = {one["name"]: one["detail"] for one in json.loads(out) if not one["ok"]}
    lacks = "assumed-role/a-poor-worker/host-1: ec2:DeregisterImage, iam:PassRole; `spotkiln docs"
    assert lacks in wrong["rights"]


def test_doctor_tries_the_data_of_vulnerabilities(
    command: Command, world: World, tmp_path: Path
) -> None:
    asked = world.parameters("v2", vulnerabilities={"debian": str(tmp_path)})
    deploy(world, "release", asked, name="checked")
    try:
        missing = _of(command, "checked", "vulnerability data")
        (tmp_path / "bookworm").write_bytes(zlib.compress(b"VERSION 1\n"))
        there = _of(command, "checked", "vulnerability data")
    finally:
        world.api.delete(f"/deployments/{_ident(world, 'checked')}").raise_for_status()
    assert (missing["ok"], there["ok"]) == (False, True), (missing, there)
    assert f"{tmp_path}/bookworm: No such file or directory" in missing["detail"]
    assert there["detail"].startswith("Debian's data (bookworm) of 20")


def test_doctor_looks_for_a_place_for_previews(command: Command, world: World) -> None:
    asked = {**without_release_only(world.parameters("v2")), "branch": "none"}
    template = {"host": "{branch}.preview.example.com"}
    deploy(world, "preview", {**asked, "preview": template}, name="demo")
    elb = client(world.box, "elbv2")
    balancer = elb.describe_load_balancers(Names=["website"])["LoadBalancers"][0]
    (listener,) = elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    website = elb.describe_target_groups(Names=["website"])["TargetGroups"][0]
    try:
        there = _of(command, "demo", PLACE)
        rule = elb.create_rule(
            ListenerArn=listener["ListenerArn"], Priority=7,
            Conditions=[{
                "Field": "host-header",
                "HostHeaderConfig": {"Values": ["*.preview.example.com"]},
            }],
            Actions=[{"Type": "forward", "TargetGroupArn": website["TargetGroupArn"]}],
        )["Rules"][0]  # fmt: skip
        try:
            taken = _of(command, "demo", PLACE)
        finally:
            elb.delete_rule(RuleArn=rule["RuleArn"])
        deploy(world, "preview", {**asked, "preview": {"host": "preview.example.com"}}, name="demo")
        wrong = _of(command, "demo", PLACE)
        rights = _of(command, "demo", "rights", about="preview/demo")
    finally:
        world.api.delete(f"/deployments/{_ident(world, 'demo', 'preview')}").raise_for_status()
    assert there["ok"], there
    assert "feature/example would be at http://feature-example.preview." in there["detail"]
    assert there["detail"].endswith("; 0 of 5 are there")
    assert not taken["ok"]
    assert "rule 7 of the listener takes feature-example.preview.example.com" in taken["detail"]
    assert not wrong["ok"]
    assert "not a template of previews" in wrong["detail"]
    assert rights["detail"] == "all that a preview does is allowed, as IAM simulates it"


def _of(command: Command, deployment: str, name: str, about: str = "") -> dict[str, Any]:
    """What doctor says of this one thing."""
    _, out, _ = command("doctor", deployment, "--json")
    found = [x for x in json.loads(out) if x["name"] == name and about in x["about"]]
    assert len(found) == 1, out
    return dict(found[0])


def _checks(command: Command) -> dict[str, str]:
    _, out, _ = command("doctor", "demo", "--json")
    return {one["name"]: one["detail"] for one in json.loads(out)}


def _ident(world: World, name: str, flow: str = "release") -> str:
    found = world.api.get(f"/deployments/name/{flow}/{name}").raise_for_status().json()
    return str(found["id"])


def _public_key() -> bytes:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ed25519

    return (
        ed25519.Ed25519PrivateKey.generate()
        .public_key()
        .public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    )


def test_what_is_not_there_ends_with_2(command: Command) -> None:
    code, _, err = command("status", "shop")
    assert code == 2
    assert "no deployment release/shop; there are: release/demo" in err
    code, _, err = command("release", "demo", "--ref", "a b")
    assert code == 2
    assert "git does not allow such names" in err
    code, _, err = command("logs", "nobody")
    assert code == 2
    assert "no run named 'nobody'" in err


def test_bad_input_starts_nothing(command: Command, world: World) -> None:
    def runs() -> int:
        return int(world.api.post("/flow_runs/count", json={}).raise_for_status().json())

    before = runs()
    code, _, err = command("rollback", "demo", "ffff0000")
    assert code == 2
    assert err.startswith("spotkiln: demo-web-app has no version 'ffff0000'; there are: ami-")
    assert "(looked up in account 123456789012, eu-west-1; " in err
    code, _, err = command("rollback", "demo", "abc")
    assert code == 2
    assert "at least 4 characters of a commit" in err
    settings = {**world.parameters("v2"), "keep_versions": 5}
    settings.pop("force")
    deploy(world, "rollback", {**settings, "app": {**settings["app"], "name": "new"}}, name="new")
    code, _, err = command("rollback", "new")
    assert code == 2
    assert "new has no earlier version to go back to; there are: none" in err
    code, _, err = command("restart", "new")
    assert code == 2
    for ref in ("a b", "a..b", "-x", "x.lock"):
        assert command("release", "demo", f"--ref={ref}")[0] == 2
    assert command("release", "demo", "--refs", "v1")[0] == 2
    assert command("run", "demo")[0] == 2
    assert command("rollback", "nobody")[0] == 2
    assert runs() == before


def test_the_logs_of_servers(
    command: Command, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, _, err = command("logs", "demo")
    assert code == 2
    assert "the logs of demo-web-app stay on its servers" in err
    settings = world.parameters("v2")
    settings["infra"] = {**settings.get("infra", {}), "logs": {"group": "/demo/production"}}
    deploy(world, "release", settings, name="logged")
    code, _, err = command("logs", "logged")
    assert code == 2
    assert "no log group /demo/production in eu-west-1" in err
    logs, now = client(world.box, "logs"), int(time.time() * 1000)
    logs.create_log_group(logGroupName="/demo/production")
    for age, unit in ((60, "web"), (30, "worker"), (7200, "web")):
        stream = f"demo-web-app/{unit}/i-{age}"
        logs.create_log_stream(logGroupName="/demo/production", logStreamName=stream)
        logs.put_log_events(
            logGroupName="/demo/production",
            logStreamName=stream,
            logEvents=[{"timestamp": now - age * 1000, "message": f"{age} seconds ago"}],
        )
    code, out, _ = command("logs", "logged")
    assert code == 0
    lines = [line.split(maxsplit=1)[1] for line in out.splitlines()]
    assert lines == ["i-60 web 60 seconds ago", "i-30 worker 30 seconds ago"]
    code, out, _ = command("logs", "logged", "--unit", "web", "--since", "3h", "--json")
    found = [json.loads(line) for line in out.splitlines()]
    assert [one["instance"] for one in found] == ["i-7200", "i-60"]
    code, out, err = command("logs", "logged", "--unit", "worker", "--since", "5s")
    assert (code, out, err) == (0, "", "no lines since 5s\n")
    code, _, err = command("logs", "logged", "--unit", "wbe")
    assert code == 2
    assert "there are: web, worker" in err

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("spotkiln.cli.logs.time.sleep", interrupt)
    code, out, err = command("logs", "logged", "--follow")
    assert (code, len(out.splitlines()), err) == (130, 2, "")


def test_in_a_pipe(world: World) -> None:
    environment = {
        **world.prefect.environment,
        **world.box.environment,
        "PREFECT_API_URL": f"{world.prefect.address}/api",
    }
    result = subprocess.run(
        ["bash", "-o", "pipefail", "-c", PIPE, sys.executable],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.split() == ["IMAGE", "COMMIT", "RELEASED", "SERVING", "REMARKS"]


def test_runs_are_started_and_followed(command: Command, world: World) -> None:
    """The last one: from here on there is a worker."""
    _, out, _ = command("versions", "demo", "--json")
    new, old = json.loads(out)
    world.prefect.start_worker()

    code, out, err = command("rollback", "demo", "--take-turn", "--json")
    end = json.loads(out)
    assert code == 0, err
    assert (end["outcome"], end["image"], end["commit"]) == (
        "released", old["image"], old["commit"][:12],
    )  # fmt: skip
    assert end["url"].startswith("http://ui.test/")
    assert "health gate: 100 %" in err
    assert f"going back to {old['image']}" in err
    assert world.settled().image == old["image"]
    name = world.api.get(f"/flow_runs/{end['run']}").raise_for_status().json()["name"]
    assert name == f"demo-web-app/demo back to {old['commit'][:7]} command"

    # Where the terminal cannot tell, the run does.
    code, out, _ = command("rollback", "demo", "ffff0000", "--no-check")
    assert code == 1
    assert "demo-web-app has no version 'ffff0000'" in out

    code, out, _ = command("release", "demo", "--ref", "v1", "--detailed-exit-code")
    assert code == 3, out
    run = out.split()[1]
    assert out.splitlines()[-1].startswith("unchanged in ")
    code, out, _ = command("logs", run)
    assert code == 0
    assert "v1 is " in out
    assert new["image"] != old["image"]

    # v2, which the deployment is to release, was left by the rollback.
    code, out, _ = command("status", "demo")
    assert f"held, until a newer commit is released: {new['commit'][:12]}" in out
    code, out, _ = command("versions", "demo")
    assert [
        line for line in out.splitlines() if "left by a rollback" in line and new["image"] in line
    ]
    code, out, _ = command("plan", "demo")
    assert f"nothing would be done: commit {new['commit'][:12]} is held" in out
    code, out, _ = command("release", "demo", "--detailed-exit-code")
    assert code == 4, out
    assert "is held since a rollback" in out
    code, out, _ = command("unhold", "demo")
    assert (code, out.split()[-1]) == (0, new["commit"][:12])
    code, out, _ = command("unhold", "demo")
    assert (code, out.strip()) == (0, "demo-web-app at target group website: nothing is held")
    code, out, _ = command("status", "demo", "--json")
    assert json.loads(out)["held"] == []
    code, out, _ = command("release", "demo", "--json")
    assert (code, json.loads(out)["image"]) == (0, new["image"])

    code, out, _ = command("history", "demo", "--limit", "3")
    first, *others = out.splitlines()[1:]
    assert (code, len(others)) == (0, 2)
    assert "  released  " in first
    assert "  command (" in first
    code, out, _ = command("follow", first.split()[0])
    assert code == 0
    assert "\nreleased in " in out
    stages = [name for name in ("look up: ", "launch: ", "gate: ") if f" {name}" in out]
    assert len(stages) == 3
    assert "Finished in state" not in out
    code, out, _ = command("list", "--json")
    # Other tests of this folder have deployments of their own.
    listed = {one["name"]: one["last"] for one in json.loads(out)}
    assert listed["demo"]["outcome"] == "released"
    code, _, err = command("cancel", first.split()[0])
    newest = listed["demo"]["name"]
    assert (code, err) == (2, f"spotkiln: {newest} has ended already: released\n")
