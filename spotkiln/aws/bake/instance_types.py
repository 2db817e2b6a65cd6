"""Instance types: whether those that are named are there and fit, and which ones fit attributes."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from botocore.exceptions import ClientError

from spotkiln.aws.errors import aws_errors, code_of
from spotkiln.aws.session import Aws
from spotkiln.bake.architectures import require_all_run
from spotkiln.errors import InputError
from spotkiln.serve.attributes import Attributes

# One call takes so many.
MOST = 100


class Kind(NamedTuple):
    """What an instance type is. Of a name that never changes."""

    vcpus: int
    architectures: tuple[str, ...]


@lru_cache(maxsize=8)
def _known(aws: Aws) -> dict[str, Kind]:
    """What EC2 has told of types of this region so far."""
    del aws
    return {}


def kinds(aws: Aws, types: Iterable[str]) -> dict[str, Kind]:
    """What each of these types is; EC2 is asked for those that it has not told of yet, 100 a call.

    Raises:
        InputError: it offers one of them not.
    """
    known = _known(aws)
    wanted = list(dict.fromkeys(types))
    unknown = [kind for kind in wanted if kind not in known]
    for start in range(0, len(unknown), MOST):
        known |= _described(aws, unknown[start : start + MOST])
    return {kind: known[kind] for kind in wanted if kind in known}


def _described(aws: Aws, types: list[str]) -> dict[str, Kind]:
    """Source: EC2 DescribeInstanceTypes."""
    try:
        answer = aws.ec2.describe_instance_types(InstanceTypes=types)  # type: ignore[arg-type]
    except ClientError as error:
        if code_of(error) in {"InvalidInstanceType", "InvalidParameterValue"}:
            text = error.response.get("Error", {}).get("Message", "")
            raise InputError(
                f"expected instance types that {aws.region} offers, got {', '.join(types)}: {text}"
            ) from error
        with aws_errors(f"instance types {', '.join(types)}"):
            raise
    return {
        str(one.get("InstanceType")): Kind(
            vcpus=one.get("VCpuInfo", {}).get("DefaultVCpus", 0),
            architectures=tuple(one.get("ProcessorInfo", {}).get("SupportedArchitectures", [])),
        )
        for one in answer["InstanceTypes"]
    }


def runs_of(aws: Aws, types: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The architectures that each of these types runs.

    Raises:
        InputError: one of them is not there.
    """
    wanted = list(dict.fromkeys(types))
    if not wanted:
        return {}
    offered = kinds(aws, wanted)
    if unknown := [kind for kind in wanted if kind not in offered]:
        raise InputError(f"unknown instance types in {aws.region}: {', '.join(unknown)}")
    return {kind: offered[kind].architectures for kind in wanted}


def check_instance_types(aws: Aws, types: Sequence[str], architecture: str) -> None:
    """Every type must exist and run the base image's architecture; none is none too many."""
    what = f"the base image is for {architecture}"
    require_all_run(runs_of(aws, types), types, [architecture], what)


def types_with(aws: Aws, wanted: Attributes, *architectures: str) -> tuple[str, ...]:
    """The names of all types with these attributes that run such images, as EC2 would take them
    now: it does not say which of them it would leave out for their price. None without attributes.

    Raises:
        InputError: there is none for one of the architectures.
    """
    if not wanted.used:
        return ()
    return tuple(sorted({kind for one in architectures for kind in _with(aws, wanted, one)}))


def _with(aws: Aws, wanted: Attributes, architecture: str) -> list[str]:
    with aws_errors(f"instance types with {wanted}"):
        pages = aws.ec2.get_paginator("get_instance_types_from_instance_requirements").paginate(
            ArchitectureTypes=[architecture],  # type: ignore[list-item]
            VirtualizationTypes=["hvm"],
            InstanceRequirements=wanted.to_aws(),  # type: ignore[arg-type]
        )
        found = [one.get("InstanceType", "") for page in pages for one in page["InstanceTypes"]]
    if not found:
        hint = "" if wanted.burstable else ", or allow T types with burstable: true"
        raise InputError(
            f"no instance type of {aws.region} has {wanted} for {architecture}: ask for less in "
            f"fleet.attributes{hint}"
        )
    return found
