"""Images as docker images: each AMI is a tag, committed from a machine.

The image of an AMI is `spotkiln-sandbox-<sandbox>:<image id>`. All tags of that repository
belong to the sandbox. A kept image also has a tag in `spotkiln-sandbox-kept`, which stays when
the sandbox ends. Its labels hold name, tags and key.
"""

import hashlib
import io
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

import docker
from docker.errors import APIError, ImageNotFound, NotFound
from docker.models.containers import Container
from docker.models.images import Image

from sandbox.machines.docker.base_image import KEEP_LABEL, Recipe, ensure_base_image, recipe_of
from sandbox.machines.docker.network import OWNER_LABEL
from sandbox.machines.protocol import ImageStatus, InitialImage, MachineError
from sandbox.machines.vendors import ARCHITECTURES, DEBIANS, UBUNTU_NAME, UBUNTU_OWNER, Debian

KEPT_REPOSITORY = "spotkiln-sandbox-kept"
OWN_ACCOUNT = "123456789012"
# docker allows 127 layers. Each image that is made from another image's machine adds one.
SQUASH_ABOVE_LAYERS = 60

_COMMAND = 'CMD ["/usr/lib/sandbox/init"]'
_NOT_KEPT = f"LABEL {KEEP_LABEL}=0"
_KEPT = "spotkiln-sandbox.kept"  # label: JSON of key, id, name, tags, architecture
_KEPT_OWNER = "kept"  # in place of a sandbox's name


def repository(sandbox: str) -> str:
    return f"spotkiln-sandbox-{sandbox}"


class ImageStore:
    """May be used from several threads. Only `make` blocks for long."""

    def __init__(
        self, client: docker.DockerClient, sandbox: str, say: Callable[[str], None]
    ) -> None:
        self._client = client
        self._repository = repository(sandbox)
        self._say = say
        self._states: dict[str, ImageStatus] = {}
        self._unmade: dict[
            str, Recipe
        ] = {}  # machine images, made when the first machine needs one
        self._doomed: set[str] = set()  # to be removed once no machine uses them
        self._lock = threading.Lock()

    def initial(self, kept: Sequence[str]) -> list[InitialImage]:
        """The default Debian's is made now, so that what is wrong is told at the start."""
        recipes = [(one, recipe_of(one.codename)) for one in DEBIANS]
        found: list[InitialImage] = []
        for architecture in ARCHITECTURES:
            for debian, recipe in recipes:
                found.append(_debian(debian, recipe, self._client, architecture))
                self._unmade[found[-1].image_id] = recipe
                self._states[found[-1].image_id] = "available"
            found.append(_ubuntu(architecture))
        self.ready(found[0].image_id)
        wanted = [image for image in kept_images(self._client) if _kept_key(image) in kept]
        for image in wanted:
            self._take(image, _kept(image).image_id)
        return found + [_kept(one) for one in wanted]

    def _take(self, image: Image, image_id: str) -> None:
        # With our own tag it stays when another sandbox forgets or rebuilds it.
        image.tag(self._repository, image_id)
        self._states[image_id] = "available"

    def restore(self, wanted: set[str]) -> set[str]:
        """Those that an earlier process of this sandbox has left; all others of it are removed."""
        prefix = f"{self._repository}:"
        there = {
            tag.removeprefix(prefix)
            for image in self._client.images.list(name=self._repository)
            for tag in image.tags
            if tag.startswith(prefix)
        }
        for image_id in there & wanted:
            self._states.setdefault(image_id, "available")
        for image_id in there - wanted - set(self._states):
            _remove_tag(self._client, self.reference(image_id))
        return there & wanted

    def ready(self, image_id: str) -> str:
        """Its docker reference, once its content is there. The first time that a machine image is
        needed this takes minutes.

        Raises MachineError if it cannot be made.
        """
        if recipe := self._unmade.get(image_id):
            self._take(
                self._client.images.get(ensure_base_image(self._client, recipe, self._say)),
                image_id,
            )
            self._unmade.pop(image_id, None)
        return self.reference(image_id)

    def reference(self, image_id: str) -> str:
        return f"{self._repository}:{image_id}"

    def state(self, image_id: str) -> ImageStatus:
        return self._states.get(image_id, "absent")

    def begin(self, image_id: str) -> None:
        self._states[image_id] = "pending"

    def fail(self, image_id: str) -> None:
        self._states[image_id] = "failed"

    def copy(self, source_id: str, image_id: str) -> None:
        """Add another tag for the same content."""
        self._client.images.get(self.ready(source_id)).tag(self._repository, image_id)
        self._states[image_id] = "available"

    def make(self, container: Container, image_id: str) -> None:
        """Commit a machine's disk. If that fails, the state is `failed`."""
        try:
            parent = self._client.images.get(container.attrs["Image"])
            if len(parent.attrs["RootFS"]["Layers"]) > SQUASH_ABOVE_LAYERS:
                self._squash(container, image_id)
            else:
                changes = [_COMMAND, _NOT_KEPT]
                container.commit(self._repository, image_id, changes=changes)
            self._client.images.get(self.reference(image_id))
        except (APIError, ImageNotFound) as error:
            self._say(f"making {image_id} failed: {error}")
            self._states[image_id] = "failed"
            return
        with self._lock:
            if image_id not in self._doomed:
                self._states[image_id] = "available"

    def remove(self, image_id: str, used: Callable[[str], bool]) -> None:
        """Remove it at once if no machine uses it, else at a later `remove_doomed`."""
        with self._lock:
            self._states.pop(image_id, None)
            self._doomed.add(image_id)
        self.remove_doomed(used)

    def remove_doomed(self, used: Callable[[str], bool]) -> None:
        for image_id in sorted(self._doomed):
            if not used(image_id):
                _remove_tag(self._client, self.reference(image_id))
                self._doomed.discard(image_id)

    def keep(
        self, image_id: str, key: str, name: str, tags: Mapping[str, str], architecture: str
    ) -> None:
        if self.state(image_id) != "available":
            raise MachineError(
                f"{image_id} cannot be kept: it is {self.state(image_id)}, not available."
            )
        kept = {"key": key, "id": image_id, "name": name, "tags": dict(tags)}
        kept["architecture"] = architecture
        labels = {
            KEEP_LABEL: "1",
            OWNER_LABEL: _KEPT_OWNER,
            _KEPT: json.dumps(kept, sort_keys=True),
        }
        dockerfile = io.BytesIO(f"FROM {self.reference(image_id)}\n".encode())
        self._client.images.build(
            fileobj=dockerfile, tag=kept_reference(key), labels=labels, rm=True, forcerm=True
        )
        _remove_untagged(self._client, _KEPT_OWNER)  # the older one of this key

    def _squash(self, container: Container, image_id: str) -> None:
        self._client.api.import_image(
            src=container.export(),
            repository=self._repository,
            tag=image_id,
            changes=[_COMMAND, _NOT_KEPT],
            stream_src=True,
        )


def kept_reference(key: str) -> str:
    return f"{KEPT_REPOSITORY}:{hashlib.sha256(key.encode()).hexdigest()[:16]}"


def kept_images(client: docker.DockerClient) -> list[Image]:
    """Those that still have the tag of their key, newest first."""
    return [
        image
        for image in client.images.list(name=KEPT_REPOSITORY)
        if _KEPT in image.labels and kept_reference(_kept_key(image)) in image.tags
    ]


def forget_kept(client: docker.DockerClient) -> list[str]:
    """Remove all kept images. Returns their keys."""
    keys = kept_keys(client)
    for key in keys:
        forget_one(client, key)
    return keys


def forget_one(client: docker.DockerClient, key: str) -> None:
    _remove_tag(client, kept_reference(key))
    _remove_untagged(client, _KEPT_OWNER)


def kept_keys(client: docker.DockerClient) -> list[str]:
    return sorted(_kept_key(image) for image in kept_images(client))


def remove_images(client: docker.DockerClient, sandbox: str) -> None:
    """Remove all that a sandbox has made, but not the kept ones."""
    for reference in own_images(client, sandbox):
        _remove_tag(client, reference)
    _remove_untagged(client, sandbox)


def own_images(client: docker.DockerClient, sandbox: str) -> list[str]:
    prefix = f"{repository(sandbox)}:"
    images = client.images.list(name=repository(sandbox))
    return sorted({tag for image in images for tag in image.tags if tag.startswith(prefix)})


def _remove_tag(client: docker.DockerClient, reference: str) -> None:
    try:
        client.images.remove(reference, force=True)
    except NotFound:
        return


def _remove_untagged(client: docker.DockerClient, owner: str) -> None:
    """Remove images that lost their tag while a machine was still using them."""
    label = f"{OWNER_LABEL}={owner}"
    for image in client.images.list(filters={"dangling": True, "label": label}):
        try:
            client.images.remove(str(image.id))
        except APIError:
            continue  # still in use, or part of a kept image


def _debian(
    debian: Debian, recipe: Recipe, client: docker.DockerClient, architecture: str
) -> InitialImage:
    """The content is the same for each architecture: nothing is emulated here."""
    content = recipe.reference + ("" if architecture == "x86_64" else f"/{architecture}")
    try:
        created = _aws_time(client.images.get(recipe.reference).attrs["Created"])
    except ImageNotFound:
        created = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}.000Z"
    return InitialImage(
        image_id=f"ami-{hashlib.sha256(content.encode()).hexdigest()[:17]}",
        name=debian.image_name(created[:10].replace("-", ""), architecture),
        owner_id=debian.owner,
        created=created,
        description=f"Debian {debian.number}, as made for the sandbox",
        architecture=architecture,
    )


def _ubuntu(architecture: str) -> InitialImage:
    """A name without content: what looks it up finds it."""
    kind = ARCHITECTURES[architecture]
    return InitialImage(
        image_id=f"ami-0bb0000000002404{'a' if architecture == 'x86_64' else 'b'}",
        name=UBUNTU_NAME.format(kind=kind, date="20260101"),
        owner_id=UBUNTU_OWNER,
        created="2026-01-01T00:00:00.000Z",
        description="Ubuntu 24.04, of which the sandbox has the name alone",
        refused="The sandbox makes no Ubuntu machines, only Debian's: start it with `--machines "
        "simulated`, or take one of Debian's images",
        architecture=architecture,
    )


def _kept(image: Image) -> InitialImage:
    kept = json.loads(image.labels[_KEPT])
    return InitialImage(
        image_id=kept["id"],
        name=kept["name"],
        owner_id=OWN_ACCOUNT,
        created=_aws_time(image.attrs["Created"]),
        tags=kept["tags"],
        architecture=kept.get("architecture", "x86_64"),  # without one: kept by an older sandbox
    )


def _kept_key(image: Image) -> str:
    return str(json.loads(image.labels[_KEPT])["key"])


def _aws_time(docker_time: str) -> str:
    """From docker's "2026-01-31T12:00:00.123456789Z" to AWS's milliseconds."""
    seconds, _, fraction = docker_time.rstrip("Z").partition(".")
    return f"{seconds}.{(fraction + '000')[:3]}Z"
