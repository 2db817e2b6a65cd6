"""Machine: looks into the sandbox's real machines, and disturbs what runs in them."""

import subprocess
from pathlib import Path

from rehearsal.seen import Server, parse
from sandbox.client import Sandbox

LOOK = Path(__file__).with_name("look.sh")
SECONDS = 90


class NotThere(RuntimeError):
    """The machine is gone, or does not do what it was told."""


class Machines:
    """All of them, by the id of their instance."""

    def __init__(self, box: Sandbox) -> None:
        self._box = box

    def _container(self, instance: str) -> str:
        names = self._box.inventory()["containers"]["ids"]
        found = next((one for one in names if one.endswith(instance)), "")
        if not found:
            raise NotThere(f"{instance} has no machine")
        return str(found)

    def run(self, instance: str, script: str, *arguments: str, seconds: float = SECONDS) -> str:
        """What a bash script says that runs there as root. Its text goes through a pipe: what is in
        it no process list shows.

        Raises:
            NotThere: it failed; with its last lines.
        """
        try:
            done = subprocess.run(
                ["docker", "exec", "-i", self._container(instance), "bash", "-s", "--", *arguments],
                input=script,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise NotThere(f"{instance} did not answer in {seconds:.0f} s") from error
        if done.returncode:
            said = (done.stdout + done.stderr).strip().splitlines()[-8:]
            raise NotThere(f"{instance}: exit code {done.returncode}: " + "\n".join(said))
        return done.stdout

    def memory(self, instance: str, app: str, user: str) -> dict[str, int]:
        """Of each of the application's units, in kB."""
        text = self.run(instance, LOOK.read_text(), "memory", app, user)
        return parse(instance, text).memory

    def look(self, instance: str, app: str, user: str) -> Server:
        return parse(instance, self.run(instance, LOOK.read_text(), "all", app, user))
