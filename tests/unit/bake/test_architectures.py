"""Which instance types run which images."""

import pytest

from spotkiln.bake.architectures import (
    check_some_run,
    check_types,
    needed,
    require_all_run,
    that_run,
)
from spotkiln.bake.builder import Builder
from spotkiln.errors import InputError

X86, ARM = "x86_64", "arm64"
RUNS = {"t3.small": (X86,), "t3.micro": ("i386", X86), "t4g.small": (ARM,), "new.large": ()}


def test_one_image_takes_types_of_its_own_architecture_alone() -> None:
    check_types(RUNS, ["t3.micro", "new.large"], ["t3.small"], [X86])
    with pytest.raises(InputError) as found:
        check_types(RUNS, ["t3.micro", "t4g.small"], ["t3.small"], [X86])
    assert str(found.value) == (
        "the base image is for x86_64; these instance types are not: t4g.small; leave them out, or "
        "name a base image for them as infra.other_base_image"
    )


def test_two_images_need_a_builder_and_a_server_each() -> None:
    check_types(RUNS, ["t3.micro", "t4g.small"], ["t3.small", "t4g.small"], [X86, ARM])
    # Attributes name no type.
    check_types(RUNS, [], ["t3.small", "t4g.small"], [X86, ARM])
    with pytest.raises(InputError, match=r"of t3.small none runs arm64: add .* to build\.other_"):
        check_types(RUNS, ["t3.micro", "t4g.small"], ["t3.small"], [X86, ARM])
    with pytest.raises(InputError, match=r"of t4g.small none runs x86_64: add .* to fleet\.inst"):
        check_types(RUNS, ["t4g.small"], ["t3.small", "t4g.small"], [X86, ARM])


def test_a_version_is_launched_by_the_types_that_run_it() -> None:
    check_some_run(RUNS, ["t4g.small", "t3.micro"], [X86])
    check_some_run(RUNS, [], [X86])
    with pytest.raises(InputError, match=r"image is for x86_64; these .* are not: t4g\.small"):
        check_some_run(RUNS, ["t4g.small"], [X86])


def test_nothing_is_remembered_where_all_run_the_only_image() -> None:
    assert needed({"t3.small": (X86,), "new.large": ()}, [X86]) == {}
    assert needed(RUNS, [X86]) == RUNS
    assert needed({"t3.small": (X86,)}, [X86, ARM]) == {"t3.small": (X86,)}


def test_a_builder_keeps_the_types_that_run_its_image() -> None:
    asked = Builder(instance_type="t3.small", other_instance_types=["t4g.small", "new.large"])
    assert that_run(asked, RUNS, ARM).every_type == ("t4g.small", "new.large")
    assert that_run(asked, {}, ARM) is asked
    with pytest.raises(InputError, match=r"expected a builder that runs arm64, got t3\.small"):
        that_run(Builder(instance_type="t3.small"), RUNS, ARM)


def test_the_builder_of_a_base_image_gets_no_advice_for_applications() -> None:
    told = "the base image is for x86_64"
    require_all_run(RUNS, ["t3.small", "new.large"], [X86], told)
    with pytest.raises(InputError) as found:
        require_all_run(RUNS, ["t3.small", "t4g.small", "t4g.small"], [X86], told)
    assert str(found.value) == f"{told}; these instance types are not: t4g.small"
