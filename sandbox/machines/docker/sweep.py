"""What a sandbox has in docker and in the kernel's tables, and how to remove all of it.

It is found by names and labels alone. So this works for a sandbox whose process was killed, too.
"""

from concurrent.futures import ThreadPoolExecutor

import docker
from docker.errors import APIError, NotFound
from docker.models.containers import Container

from sandbox.machines.docker.images import own_images, remove_images
from sandbox.machines.docker.network import OWNER_LABEL, own_networks, own_rules, remove_network


def sweep(client: docker.DockerClient, sandbox: str, *, spare_images: bool = False) -> None:
    """Remove every container, image, network and routing rule of a sandbox, but not kept images.
    With `spare_images` none of its images."""
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(_remove, _own_containers(client, sandbox)))
    if not spare_images:
        remove_images(client, sandbox)
    remove_network(client, sandbox)


def leftovers(client: docker.DockerClient, sandbox: str) -> dict[str, list[str]]:
    """Names by kind, for an inventory. A kind without any is an empty list."""
    return {
        "containers": [str(found.name) for found in _own_containers(client, sandbox)],
        "docker_images": own_images(client, sandbox),
        "networks": [str(found.name) for found in own_networks(client, sandbox)],
        "routing_rules": own_rules(sandbox),
    }


def _own_containers(client: docker.DockerClient, sandbox: str) -> list[Container]:
    filters: dict[str, str | list[str] | bool] = {"label": f"{OWNER_LABEL}={sandbox}"}
    return client.containers.list(all=True, filters=filters, ignore_removed=True)


def _remove(container: Container) -> None:
    try:
        container.remove(force=True, v=True)
    except NotFound:
        return
    except APIError as error:
        if error.status_code != 409:  # somebody is removing it already
            raise
