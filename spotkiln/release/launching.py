"""Launching: whether servers are asked for while the new image is still tested, or after that.

Beside the tests only where the new servers do nothing before they get requests: no release of
untested code changes the database's schema, takes jobs from a queue or does what is due by the
clock. Then red tests cost some minutes of servers, and nothing else.
"""

from spotkiln.bake.app import App
from spotkiln.bake.infra import Infra
from spotkiln.release.migration import Migration
from spotkiln.release.release import ReleaseSpec

BESIDE = "while the image is tested"


def why_after_tests(spec: ReleaseSpec, infra: Infra, app: App, migration: Migration) -> str:
    """Why servers are asked for only after the tests of a new image; empty if they need not wait.
    `migration` is what the release does about the database."""
    if infra.second is None:
        return "with one target group servers get requests as soon as they are healthy"
    if spec.traffic.launch_after_tests:
        return "the deployment says so"
    if app.migrate and migration.new is None:
        return "what its migration does is not known"
    if app.migrate and migration.new:
        return f"it brings migrations: {migration.new}"
    if running := sorted([*app.processes, *app.timers]):
        return f"its servers work without requests, too: {', '.join(running)}"
    if spec.hooks.before_launch.command:
        return "a command is carried out before the launch"
    return ""


def in_words(infra: Infra, why: str) -> str:
    """When servers are asked for; empty where there is no choice."""
    if infra.second is None:
        return ""
    return f"after the tests: {why}" if why else BESIDE
