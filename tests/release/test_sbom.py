"""What is in an image is kept with Prefect, and told of on the page."""

import json
import zlib
from pathlib import Path
from typing import Any

import pytest

from tests.release.pages import artifacts, last_row, page
from tests.release.test_own_description import of, shop
from tests.reliability.world import World
from tests.unit.repository import run_git

__all__ = ["shop"]
pytestmark = [pytest.mark.sandbox, pytest.mark.prefect]
GEMS = "GEM\n  specs:\n    rack ({})\n"


def commit(shop: Path, rack: str, *packages: str) -> str:
    """One with this lock file, on a machine with these packages."""
    (shop / "Gemfile.lock").write_text(GEMS.format(rack))
    (shop / ".sandbox.json").write_text(json.dumps({"packages": packages}))
    run_git(shop, "add", "--all", "--force")
    run_git(shop, "commit", "--quiet", "--message", f"Take rack {rack}")
    return run_git(shop, "rev-parse", "HEAD")


def released(world: World, shop: Path, ref: str) -> dict[str, Any]:
    made = world.release(**of(shop, ref))
    assert made["outcome"] == "released", made
    return made


def test_each_image_has_one_and_the_page_tells_what_differs(world: World, shop: Path) -> None:
    one = released(world, shop, commit(shop, "3.1.7", "openssl=3.0.14-1", "curl=8.1"))
    (kept,) = artifacts(world, f"sbom-{one['image']}")
    assert kept["flow_run_id"] is None
    document = json.loads(kept["data"])
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    purls = {x["purl"].partition("?")[0] for x in document["components"]}
    assert {"pkg:deb/debian/openssl@3.0.14-1", "pkg:gem/rack@3.1.7"} <= purls

    released(world, shop, commit(shop, "3.1.8", "openssl=3.0.15-1", "curl=8.1"))
    shown = page(world, "release-")
    assert "| rack | 3.1.7 | 3.1.8 | Gemfile.lock |" in shown
    assert "| openssl | 3.0.14-1 | 3.0.15-1 |" in shown
    assert "| curl |" not in shown


def test_what_is_discarded_has_none_any_more(world: World, shop: Path) -> None:
    ref = commit(shop, "3.2", "openssl=3.0.15-1")
    world.box.script(match={"name": f"*{ref[:12]}*"}, health=503)
    made = world.release(**of(shop, ref))
    assert "ImageRejected" in made["error"]
    row = last_row(world)
    assert (row["commit"], row["outcome"]) == (ref[:12], "rolled back")
    assert artifacts(world, f"sbom-{row['image']}") == []


def test_a_known_vulnerability_ends_a_release_before_its_launch(
    world: World, shop: Path, tmp_path: Path
) -> None:
    """By data in the shape that Debian publishes; unless somebody answers for it."""
    data = "VERSION 1\nCVE-2026-1000,,Too much\n\nopenssl,0, HRF,3.0.16-1,\n\n\n"
    (tmp_path / "bookworm").write_bytes(zlib.compress(data.encode()))
    policy = {"debian": str(tmp_path), "refuse": "high"}
    ref = commit(shop, "3.3", "openssl=3.0.15-1")
    before = world.settled()
    world.box.clear_calls()
    made = world.release(**of(shop, ref), vulnerabilities=policy)
    assert "Vulnerable" in made["error"]
    assert "CVE-2026-1000 (high): openssl 3.0.15-1, fixed in 3.0.16-1" in made["error"]
    # A dry run counts as an error.
    launched = [x for x in world.box.calls() if x["operation"] == "RequestSpotFleet"]
    assert not [x for x in launched if not x["error"]]
    after = world.settled()
    assert (after.fleet, after.problems()) == (before.fleet, before.problems())
    row = last_row(world)
    assert (row["commit"], row["outcome"]) == (ref[:12], "failed")
    assert artifacts(world, f"vulnerabilities-{row['image']}") == []
    shown = page(world, "release-")
    assert "| CVE-2026-1000 | high | openssl 3.0.15-1 | 3\\.0.16-1 |" in shown

    accept = [{"id": "CVE-2026-1000", "why": "alice: not reachable", "until": "2999-12-31"}]
    made = world.release(**of(shop, ref), vulnerabilities={**policy, "accept": accept})
    assert made["outcome"] == "released", made
    assert "known vulnerabilities: none, 1 accepted" in page(world, "release-")
    (kept,) = artifacts(world, f"vulnerabilities-{made['image']}")
    assert "CVE-2026-1000" in kept["data"]
