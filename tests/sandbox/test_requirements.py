"""Types by their attributes, as EC2, Spot Fleet and Auto Scaling take them."""

from typing import Any

import pytest
from moto.core.exceptions import ServiceException

from sandbox.compute.requirements import fitting

SMALL: dict[str, Any] = {"VCpuCount": {"Min": 2, "Max": 2}, "MemoryMiB": {"Min": 1024, "Max": 4096}}


def found(architecture: str = "x86_64", **more: Any) -> list[str]:
    return fitting({**SMALL, **more}, [architecture])


def test_types_have_what_is_asked_for() -> None:
    assert {"c5.large", "c6i.large", "c3.large"} <= set(found())
    assert not {"c5.xlarge", "m5.large", "c6g.large"} & set(found())
    assert "c6g.large" in found("arm64")


def test_burstable_types_bare_metal_and_accelerators_are_asked_for() -> None:
    assert not [one for one in found() if one.startswith("t")]
    assert {"t3.micro", "t3a.micro"} <= set(found(BurstablePerformance="included"))
    assert all(one.startswith("t") for one in found(BurstablePerformance="required"))
    big = {"VCpuCount": {"Min": 4}, "MemoryMiB": {"Min": 0}}
    assert not [one for one in fitting(big, ["x86_64"]) if ".metal" in one]
    assert "c5.metal" in fitting({**big, "BareMetal": "included"}, ["x86_64"])
    assert "g4dn.xlarge" in fitting(big, ["x86_64"])
    assert "g4dn.xlarge" not in fitting({**big, "AcceleratorCount": {"Max": 0}}, ["x86_64"])


def test_lists_narrow_it_down() -> None:
    assert "c3.large" not in found(InstanceGenerations=["current"])
    assert "c3.large" in found(InstanceGenerations=["previous"])
    assert "c5.large" not in found(ExcludedInstanceTypes=["c5*"])
    assert found(AllowedInstanceTypes=["c5.*"]) == ["c5.large"]
    assert "c5a.large" not in found(CpuManufacturers=["intel"])


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"VCpuCount": {"Min": 2}}, "MissingParameter"),
        ({**SMALL, "VCpuCount": {"Min": 4, "Max": 2}}, "InvalidParameterValue"),
        (
            {**SMALL, "AllowedInstanceTypes": ["c5*"], "ExcludedInstanceTypes": ["c5*"]},
            "InvalidParameterCombination",
        ),
        ({**SMALL, "RequireHibernateSupport": True}, "UnsupportedOperation"),
    ],
)
def test_what_makes_no_sense_is_refused(asked: dict[str, Any], code: str) -> None:
    with pytest.raises(ServiceException) as caught:
        fitting(asked, ["x86_64"])
    assert caught.value.code == code
