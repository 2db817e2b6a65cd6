"""Releases in containers of their own, as a work pool of type docker starts them. The image is
empty: what this machine has is mounted where it is, so that none is built and none is fetched."""

import re
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from rehearsal.prefect_local import ROOT
from spotkiln.bake.recipe import ROOT as SHIPPED
from tests.reliability.conftest import long
from tests.team.conftest import Team
from tests.team.test_team import until

# Of tests with such releases, beside how long one may take.
MARKS = [
    long,
    pytest.mark.docker,
    pytest.mark.postgres,
    pytest.mark.prefect,
    pytest.mark.sandbox,
]
IMAGE = "spotkiln-this-machine:test"
# What Prefect labels a container with, as Docker shows it.
RUN = "io.prefect.flow-run-id"


def docker(*words: str) -> str:
    done = subprocess.run(
        ["docker", *words], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, f"docker {' '.join(words)}: {done.stdout}{done.stderr}"
    return done.stdout


def why_not() -> str:
    """Why no container can be started here; empty if one can."""
    if shutil.which("docker") is None:
        return "no Docker"
    done = subprocess.run(["docker", "info"], capture_output=True, timeout=30, check=False)
    return "no Docker daemon answers" if done.returncode else ""


def make_image() -> None:
    nothing = bytes(10240)  # an archive without files
    subprocess.run(["docker", "import", "-", IMAGE], input=nothing, check=True, capture_output=True)


def mounts(home: Path) -> list[str]:
    """The programs of this machine and this Python, which nobody may write to; `home` as well, in
    which the repositories are."""
    own = [Path(sys.base_prefix), Path(sys.prefix), Path(sys.executable).resolve().parent.parent]
    wanted = [*map(Path, ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc")), *own, ROOT]
    found: list[Path] = []
    for one in wanted:
        if one.exists() and not any(one.is_relative_to(other) for other in found):
            found.append(one)
    return [*(f"{one}:{one}:ro" for one in found), f"{home}:{home}"]


def documented() -> dict[str, Any]:
    """What docs/team.md changes in prefect.yaml for such a pool."""
    _, _, text = (ROOT / "docs" / "team.md").read_text().partition("## Workers as containers")
    block = re.search(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert block
    return dict(yaml.safe_load(block[1]))


class Containers(Team):
    def deploy(self) -> None:
        make_image()
        file = self.prefect.home / "prefect.yaml"
        file.write_text(yaml.safe_dump(self.described()))
        self.prefect._run("prefect", "work-pool", "create", self.pool, "--type", "docker")
        self.prefect._run("prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(file))
        self.prefect._run("spotkiln", "automations")
        for group in self.groups:
            found = self.api.get(f"/deployments/name/release/{group}").raise_for_status()
            self.deployments[group] = found.json()["id"]

    @property
    def pool(self) -> str:
        return str(documented()["definitions"]["work_pool"]["name"])

    def described(self) -> dict[str, Any]:
        """A prefect.yaml as a new repository has it, for this pool."""
        told = documented()
        pool = told["definitions"]["work_pool"]
        its = pool["job_variables"]
        its.update(image=IMAGE, volumes=mounts(self.repository.parent))
        # There is no user of whom the image has a home.
        its["env"].update(self.box.environment, PREFECT_HOME="/tmp/prefect", HOME="/tmp")
        (step,) = told["pull"][0]
        told["pull"][0][step] = {"directory": str(ROOT)}
        stanzas = yaml.safe_load((SHIPPED / "template" / "prefect.yaml").read_text())
        found = {one["entrypoint"].split(".")[2]: one for one in stanzas["deployments"]}
        common = {"version": "1", "work_pool": pool}
        urgent = {**pool, "work_queue_name": found["reconcile"]["work_pool"]["work_queue_name"]}
        releases = [
            {**found["release"], **common, "name": one, "parameters": self.parameters(one)}
            for one in self.groups
        ]
        reconcile = {**found["reconcile"], **common, "work_pool": urgent, "schedules": []}
        return {"name": "acme", "pull": told["pull"], "deployments": [*releases, reconcile]}

    def start_workers(self, limit: int) -> None:
        """One for each queue, as docs/team.md says it."""
        for queue, most in (("default", limit), ("urgent", 10)):
            self.prefect.start(
                *("prefect", "worker", "start", "--pool", self.pool, "--type", "docker"),
                *("--work-queue", queue, "--limit", str(most), "--name", queue),
                log=f"{queue}.log",
            )

    def containers(self) -> dict[str, str]:
        """The containers that run, by the run that each is for."""
        form = f'{{{{.Label "{RUN}"}}}} {{{{.ID}}}}'
        shown = docker("ps", "--filter", f"ancestor={IMAGE}", "--format", form)
        return dict(line.split() for line in shown.splitlines())

    def end_containers(self) -> None:
        """One may end by itself meanwhile: it removes itself."""
        for one in self.containers().values():
            with suppress(AssertionError):
                docker("kill", one)
        until(lambda: not self.containers(), 60, "the end of all containers")
