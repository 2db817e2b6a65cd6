"""The facts of a release, by name, in markdown: those first that people ask for first."""

from collections.abc import Iterable

from spotkiln import tags as t
from spotkiln.bake.image import Image
from spotkiln.markup import plain
from spotkiln.moment import utc
from spotkiln.release.release import Outcome, Release
from spotkiln.show.words import fleet_in_words

SUSPECT = "it stays a version, but `previous` prefers others:"
HELD = (
    "not released again until a newer commit is, or somebody lifts it by `spotkiln unhold {name}`"
)


def facts(release: Release) -> list[tuple[str, str]]:
    """What is not known is left out."""
    tests, fleet = release.tests, release.fleet
    serves = release.outcome in {Outcome.RELEASED, Outcome.UNCHANGED}
    before = release.served if release.served != release.commit else ""
    found = [
        ("address", f"<{release.site}>" if release.site else ""),
        ("commit", _commit(release) if release.commit else ""),
        ("served before", f"`{before[:12]}`" if before else ""),
        ("ref", plain(release.ref)),
        ("started by", plain(str(release.trigger))),
        ("why", plain(release.why)),
        ("when", f"{utc(release.started)}, took {release.seconds:.0f} s"),
        ("in a freeze", plain(release.broke_glass)),
        ("approval", plain(release.approval)),
        *(_image(release, release.image) if release.image else []),
        ("tests", f"{tests} in {tests.seconds:.1f} s" if tests else ""),
        ("fleet", fleet_in_words(fleet) if fleet else ""),
        ("held", _held(release, fleet.held) if fleet and fleet.held and serves else ""),
        ("asked for", release.size),
        ("launched", plain(release.launched)),
        ("requests", plain(release.requests)),
        ("handed over", plain(release.handed_over)),
        ("batches", plain(release.batches)),
        ("cost", str(release.cost or "")),
        ("target group", f"{release.target_group} in {release.region}"),
        ("release", f"`{release.id}`"),
        ("run", f"[{release.run}]({release.url})" if release.url else release.run),
    ]
    return [(name, fact) for name, fact in found if fact]


def _commit(release: Release) -> str:
    commit = f"`{release.commit[:12]}`"
    if release.commit_url:
        commit = f"[{commit}]({release.commit_url})"
    return f"{commit} {plain(release.subject)}".rstrip()


def _held(release: Release, commits: Iterable[str]) -> str:
    return f"{', '.join(commits)}: {HELD.format(name=release.deployment or release.app)}"


def _image(release: Release, image: Image) -> list[tuple[str, str]]:
    how = f"reused: {plain(release.reused)}" if release.reused else "baked by this release"
    if release.back_to:
        how = f"a rollback to what was released {release.back_to}"
        if release.restarted:
            how = f"what served already, released {release.back_to}"
    ours = not (release.reused or release.back_to)
    baked_on = image.tags.get(t.BAKED_ON, "") if ours else ""
    named = f"`{image.id}` {plain(image.name)}"
    if image.twin:
        both = ((one.id, one.architecture) for one in image.every)
        named = " and ".join(f"`{name}` ({kind})" for name, kind in both) + f" {plain(image.name)}"
    # An image that has just passed the gate is not suspected any more.
    suspected = image.suspect and release.outcome is not Outcome.RELEASED
    return [
        ("image", f"{named}, {how}"),
        ("baked on", plain(baked_on)),
        ("layer", plain(release.layer)),
        ("suspect", f"{SUSPECT} {plain(image.suspect)}" if suspected else ""),
        ("database", plain(release.database)),
    ]
