"""Steps of a release. What each finds or makes is written into the release's book."""

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from spotkiln.aws.bake.builder import Taken
from spotkiln.bake.app import AppSpec
from spotkiln.bake.configuration import in_words, require_names
from spotkiln.bake.image import Image
from spotkiln.bake.infra import Infra
from spotkiln.bake.layer import Layered
from spotkiln.bake.mounts import require_mounts, require_mounts_of
from spotkiln.bake.reuse import Reuse
from spotkiln.errors import BuildFailed, CutOff, MigrationFailed, SpotkilnError, Vulnerable
from spotkiln.keep.heartbeat import Heartbeat
from spotkiln.keep.versions import WayBack
from spotkiln.release import vulnerabilities
from spotkiln.release.happening import (
    CommitTaken,
    ForeignSeen,
    ImageBaked,
    ImageReused,
    InfraFound,
    LaunchChosen,
    LayerBaked,
    LayerChosen,
    Migrated,
    MigrationChosen,
    NothingMigrated,
    ServingSeen,
    VersionTaken,
    VulnerabilitiesSeen,
)
from spotkiln.release.job import Job
from spotkiln.release.launching import in_words as launched_in_words
from spotkiln.release.launching import why_after_tests
from spotkiln.release.migration import Migration, choose_migration, of_rollback
from spotkiln.release.summary import tags
from spotkiln.serve.fleet import Fleet
from spotkiln.tasks.bake.elsewhere import copy_image, find_recipe
from spotkiln.tasks.bake.errand import close_access, migrate_database
from spotkiln.tasks.bake.image import find_image, packer_build
from spotkiln.tasks.bake.infra import look_up_infra
from spotkiln.tasks.bake.layer import bake_layer, find_layer
from spotkiln.tasks.bake.source import check_out
from spotkiln.tasks.bake.vulnerabilities import check_vulnerabilities
from spotkiln.tasks.release.run import ReleaseRun
from spotkiln.tasks.serve.fleet import find_serving
from spotkiln.tasks.serve.foreign import find_foreign
from spotkiln.tasks.step import not_urgent, say


def find_infra(run: ReleaseRun, image: Image | None = None) -> Infra:
    """The infrastructure, looked up by its names. `image` is one that is there already."""
    infra = look_up_infra(run.spec, image)
    run.note(InfraFound(infra=infra))
    return infra


def take_commit(run: ReleaseRun, app: AppSpec, infra: Infra) -> Job:
    """Check out the commit. From now on the run releases it; the job says what its image is made
    from.

    Raises:
        InputError: among others if a setting that it needs will not be there.
    """
    source = check_out(app, infra, run.folder / "source")
    run.begin(CommitTaken(source=source))
    require_names(source.app.config, infra.configuration)
    require_mounts(source.app, infra.mounts)
    for line in in_words(infra.configuration, source.app.config):
        say(f"configuration: {line}")
    recipe, taken = find_recipe(run.spec, source, infra)
    return Job(
        release=run.id,
        spec=run.spec,
        infra=infra,
        source=source,
        recipe=recipe,
        tags=tags(run.book),
        folder=run.folder,
        taken=taken,
    )


def take_version(run: ReleaseRun, way: WayBack) -> Image:
    """From now on the run is a rollback to this version; its image."""
    run.begin(VersionTaken(way=way))
    if told := of_rollback(way.migrations):
        say(told)
    return way.image


def require_settings(image: Image, infra: Infra) -> None:
    """What an image's servers do not start without must be there, also for one of earlier."""
    require_names(image.config, infra.configuration)
    require_mounts_of(image, infra.mounts)


def see_what_serves(
    run: ReleaseRun, infra: Infra, seen: Sequence[Fleet] | None = None
) -> list[Fleet]:
    """Our fleets that serve the target group, the newest first. `seen` are all fleets, if they were
    just looked at."""
    current = find_serving(infra, seen)
    run.note(ServingSeen(fleet=current[0] if current else None))
    return current


def see_foreign(run: ReleaseRun, infra: Infra, seen: Sequence[Fleet] | None = None) -> None:
    """What serves the target group and is not ours."""
    run.note(ForeignSeen(foreign=find_foreign(infra, seen)))


def choose_image(run: ReleaseRun, job: Job, current: list[Fleet]) -> Reuse:
    """The image to reuse; or none, if one must be baked. Either way it says why."""
    choice = find_image(job, current)
    if choice.image:
        run.note(ImageReused(image=choice.image, why=choice.why))
    return choice


def see_migration(run: ReleaseRun, job: Job, choice: Reuse, image: Image) -> Migration:
    """What is to be done about the database."""
    app, group = job.source.app, job.infra.target_group.name
    migration = choose_migration(app, image, choice.serving, group, force=job.spec.force)
    run.note(MigrationChosen(migration=migration))
    return migration


def launches_beside_tests(run: ReleaseRun, job: Job, choice: Reuse, migration: Migration) -> bool:
    """Whether servers are asked for while the new image is tested. One that was there is tested
    already."""
    if choice.image or job.taken:
        return False
    why = why_after_tests(run.spec, job.infra, job.source.app, migration)
    run.note(LaunchChosen(words=launched_in_words(job.infra, why)))
    return not why


def migrate_once(
    run: ReleaseRun, turn: Heartbeat, job: Job, migration: Migration, image: Image
) -> None:
    """Migrate before any server is asked for, where that is the application's way and this image
    has not served here before."""
    if not migration.once:
        return
    turn.check()
    with run.timed("migrate"):
        try:
            migrate_database(job, image)
        except (MigrationFailed, CutOff):
            raise
        except SpotkilnError:
            run.note(NothingMigrated())
            raise
        run.note(Migrated())
    with not_urgent("remove the way into the machine that migrated", "reconcile does it"):
        close_access(job)


def refuse_vulnerable(run: ReleaseRun, image: Image) -> None:
    """Look up what is known of what is in the image, where the deployment asks for it.

    Raises:
        Vulnerable: the deployment refuses some of it.
    """
    policy = run.spec.vulnerabilities
    if not policy.asked:
        return
    known = vulnerabilities.together([check_vulnerabilities(policy, one) for one in image.ids])
    run.note(VulnerabilitiesSeen(known=known))
    today = datetime.now(UTC).date()
    for line in vulnerabilities.in_words(known, policy, today):
        say(line)
    if why := vulnerabilities.why_refused(known, policy, today):
        raise Vulnerable(why)


def take_layer(run: ReleaseRun, job: Job) -> Layered:
    """What the image's bake starts from. Where its dependencies have no layer yet, that is baked
    first; where it cannot be, the image is baked without it."""
    found = find_layer(job)
    if not (found.bake and found.layer):
        return found
    try:
        image = bake_layer(job, found.layer)
    except Taken:
        found = found.without("another release bakes it just now, or began to", failed=False)
    except SpotkilnError as error:
        why = f"it could not be baked: {error}"
        found = found.without(why, failed=isinstance(error, BuildFailed))
    else:
        run.note(LayerBaked(layer=found.layer, image=image))
        return found.started(image)
    say(f"{found.why}; the image is baked without it", logging.WARNING)
    return found


def bake(run: ReleaseRun, job: Job, ready: Callable[[Image], object] | None = None) -> Image:
    """A new image, which nobody has tested yet. It is given to `ready` as soon as it is there, when
    Packer has still to take its machine away."""

    def there(image: Image) -> None:
        run.note(ImageBaked(image=image))
        if ready:
            ready(image)

    layered = take_layer(run, job)
    run.note(LayerChosen(why=layered.why))
    image = packer_build(job, layered, there) if ready else packer_build(job, layered)
    run.note(ImageBaked(image=image))
    return image


def bake_second(
    run: ReleaseRun, twin: Job, ready: Callable[[Image], object] | None = None
) -> Image:
    """The image for the other architecture, likewise. `twin` is its job."""
    layered = take_layer(run, twin)
    build = packer_build.with_options(task_run_name=f"2 bake: image for {twin.second}")
    return build(twin, layered, ready) if ready else build(twin, layered)


def copy_here(run: ReleaseRun, job: Job) -> Image:
    """What has been tested and released elsewhere."""
    with run.timed("copy"):
        image = copy_image(job)
        run.note(ImageReused(image=image, why=f"copied from {job.taken}, where it was released"))
    return image
