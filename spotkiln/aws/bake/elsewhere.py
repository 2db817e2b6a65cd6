"""Finds the image that was released elsewhere, and copies it here."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from spotkiln import tags as t
from spotkiln.aws.bake import image as images
from spotkiln.aws.bake.discard import discard
from spotkiln.aws.errors import aws_errors
from spotkiln.aws.role import Role
from spotkiln.aws.session import Aws, connect, enter
from spotkiln.bake.elsewhere import Elsewhere, Taken, bases_of, take
from spotkiln.bake.image import Image, ImageState
from spotkiln.bake.infra import BaseImage, Infra
from spotkiln.bake.recipe import Recipe, digest_of
from spotkiln.bake.served import text_of
from spotkiln.bake.source import Source
from spotkiln.bake.variables import image_tags, recipe_of
from spotkiln.beside import require_wanted
from spotkiln.errors import InfrastructureError, InputError, SpotkilnError
from spotkiln.poll import Backoff, Clock, Done, Waiting, poll
from spotkiln.release.job import Job
from spotkiln.release.release import ReleaseSpec

Say = Callable[[str], None]
# EC2 copies a few GiB in minutes, between regions in more.
LOOKS = Backoff(first=2.0, maximum=15.0)


def clients(aws: Aws, there: Elsewhere) -> Aws:
    """Of the account and region where it was released. With a role they are entered by it, with the
    worker's own credentials; without one by whoever releases here."""
    region = there.region or aws.region
    if there.role_arn:
        return enter(region, Role(arn=there.role_arn, external_id=there.external_id))
    return connect(region)


def find_bases(aws: Aws, there: Elsewhere, app: str) -> tuple[BaseImage, ...]:
    """What stands for the base images; see `bases_of`."""
    return bases_of(images.of_app(clients(aws, there), app), app, _where(aws, there))


def recipe_for(
    aws: Aws, spec: ReleaseSpec, source: Source, infra: Infra
) -> tuple[Recipe, Taken | None]:
    """The recipe of the commit's image, and the image elsewhere that is taken, if none is baked.

    Raises:
        InputError: there is none of that digest, or this account may not use it.
    """
    recipe = recipe_of(source, infra, spec.build.disk)
    there = spec.images.take_from
    if there is None:
        return recipe, None
    theirs = clients(aws, there)
    taken = take(recipe, images.of_app(theirs, spec.app.name), _where(aws, there))
    ours = connect(theirs.region)
    hidden = [one for one in taken.image.ids if images.describe(ours, one) is None]
    if there.account and hidden:
        raise InputError(
            f"images.take_from: {taken} is not shared with account {infra.account}: add it to "
            "images.share_with of the deployment that has released it there, and release once more"
        )
    return taken.recipe, taken


def copy(aws: Aws, job: Job, *, clock: Clock, say: Say) -> Image:
    """The copy, once it is there: an earlier try's, if that had begun one. All of it is tagged in
    the call that makes it. While it is copied, the original says so: nobody prunes it.

    Raises:
        InfrastructureError: EC2 could not copy it, or did not in time.
    """
    taken, there = job.taken, job.spec.images.take_from
    assert taken
    assert there
    with _marked(clients(aws, there), taken.image, job, aws.now(), say):
        made = images.named(aws, job.image_name)
        failed = [one for one in made if one.failed]
        for one in failed:
            discard(aws, one, clock, say)
        begun = next((one.id for one in made if not one.failed), "")
        token = digest_of(" ".join([job.release, taken.image.id, *(one.id for one in failed)]))
        name = begun or _begin(aws, job, taken, there, token)
        say(f"{taken} is copied as {name}")
        image = _until_there(aws, job, name, clock, say)
    images.require_token(aws, image.id)
    return image


def _begin(aws: Aws, job: Job, taken: Taken, there: Elsewhere, token: str) -> str:
    source = f"{taken.image.region}/{taken.image.id}"
    tags = image_tags(job.tags, job.recipe, job.source, taken.image.login)
    tags |= {t.STATE: ImageState.TESTED, t.COPIED_FROM: source}
    key = {"Encrypted": True, "KmsKeyId": there.kms_key} if there.kms_key else {}
    with aws_errors(f"copying image {taken}"):
        return aws.ec2.copy_image(
            Name=job.image_name,
            Description=f"{job.spec.app.name}, copied from {source}",
            SourceImageId=taken.image.id,
            SourceRegion=taken.image.region,
            ClientToken=f"{job.release}-{token}"[:64],
            TagSpecifications=[
                {"ResourceType": "image", "Tags": t.to_aws(tags)},
                {"ResourceType": "snapshot", "Tags": t.to_aws(tags)},
            ],
            **key,  # type: ignore[arg-type]
        )["ImageId"]


def _until_there(aws: Aws, job: Job, name: str, clock: Clock, say: Say) -> Image:
    told: list[str] = []

    def look() -> Done[Image] | Waiting:
        require_wanted()
        image = images.describe(aws, name)
        if image and image.available:
            return Done(image)
        if image and image.failed:
            raise InfrastructureError(f"EC2 could not copy image {job.taken}: {name} has failed")
        progress = images.progress(aws, job.release)
        if progress and progress not in told:
            told.append(progress)
            say(f"copying: {progress}")
        return Waiting(f"{name} is pending, its snapshots at {progress or 'no progress'}")

    return poll(
        look,
        what=f"image {name} to be copied",
        deadline_seconds=job.spec.build.timeout_seconds,
        clock=clock,
        backoff=LOOKS,
    )


@contextmanager
def _marked(theirs: Aws, image: Image, job: Job, now: datetime, say: Say) -> Iterator[None]:
    """Without the right to say so it is copied even so."""
    key = f"{t.COPYING}{job.infra.account}/{job.infra.region}"
    try:
        images.tag(theirs, [image.id], {key: f"{text_of(now)} {job.release}"})
    except SpotkilnError as error:
        say(f"{image.id} does not say that it is being copied, and may be pruned: {error}")
        yield
        return
    try:
        yield
    finally:
        try:
            images.untag(theirs, image.id, [key])
        except SpotkilnError as error:
            say(f"{image.id} still says that it is being copied, for a day: {error}")


def _where(aws: Aws, there: Elsewhere) -> str:
    region = there.region or aws.region
    return f"account {there.account} in {region}" if there.account else region
