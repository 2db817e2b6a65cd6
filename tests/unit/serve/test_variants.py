"""A fleet of two architectures: what each launcher is asked for."""

from typing import Any

from spotkiln import tags as t
from spotkiln.aws.serve.auto_scaling.request import group_request
from spotkiln.aws.serve.launch_template import launch_template_request
from spotkiln.aws.serve.spot_fleet.request import spot_fleet_request
from spotkiln.bake.own import template_is_ours
from spotkiln.bake.twin import pair
from spotkiln.serve.fleet import Fleet, State
from spotkiln.serve.order import Order
from spotkiln.serve.spec import FleetSpec
from tests.unit import nouns
from tests.unit.bake.test_twin import ARM, twin_of
from tests.unit.nouns import RELEASE, TAGS

RUNS = {"t3.micro": ("x86_64",), "t4g.micro": ("arm64",), "t3.small": ("x86_64",)}
ATTRIBUTES = {"vcpus": 2, "memory_gib": 3.5}
IMAGE = nouns.image("ami-1")
BOTH = pair(IMAGE, twin_of(IMAGE))


def order(image: Any = BOTH, runs: Any = RUNS, **spec: Any) -> Order:
    wanted = FleetSpec.model_validate({"instance_types": ["t3.micro", "t4g.micro"], **spec})
    infra = nouns.infra(other_base=ARM, runs=runs)
    return Order(wanted=wanted, asked=wanted, image=image, infra=infra, tags=TAGS)


def types(config: dict[str, Any]) -> list[list[str]]:
    configs = config["LaunchTemplateConfigs"]
    return [sorted({x["InstanceType"] for x in one["Overrides"]}) for one in configs]


def test_a_spot_fleet_has_a_template_of_each_and_the_types_that_run_it() -> None:
    found = spot_fleet_request(order(), "lt-1", "lt-2")
    templates = [x["LaunchTemplateSpecification"] for x in found["LaunchTemplateConfigs"]]
    assert templates == [{"LaunchTemplateId": x, "Version": "1"} for x in ("lt-1", "lt-2")]
    assert types(found) == [["t3.micro"], ["t4g.micro"]]


def test_a_group_names_the_template_of_each_type() -> None:
    found = group_request(order(), "lt-1", "lt-2")["MixedInstancesPolicy"]["LaunchTemplate"]
    first, second = ({"LaunchTemplateId": x, "Version": "1"} for x in ("lt-1", "lt-2"))
    assert found == {
        "LaunchTemplateSpecification": first,
        "Overrides": [
            {"InstanceType": "t3.micro", "LaunchTemplateSpecification": first},
            {"InstanceType": "t4g.micro", "LaunchTemplateSpecification": second},
        ],
    }
    # Attributes choose by the image.
    asked = order(instance_types=[], attributes=ATTRIBUTES)
    found = group_request(asked, "lt-1", "lt-2")["MixedInstancesPolicy"]["LaunchTemplate"]
    assert [x["LaunchTemplateSpecification"] for x in found["Overrides"]] == [first, second]


def test_an_architecture_waits_for_the_attempt_that_allows_its_types() -> None:
    asked = order(instance_types=["t3.micro"], more_instance_types=["t4g.micro"])
    assert [one.image.id for one in asked.variants] == ["ami-1"]
    following = asked.after(0)
    assert following
    assert [one.image.id for one in following.variants] == ["ami-1", "ami-1-arm"]
    only_arm = order(instance_types=["t4g.micro"])
    assert [one.image.id for one in only_arm.variants] == ["ami-1-arm"]


def test_a_version_of_one_architecture_leaves_the_other_types_out() -> None:
    assert types(spot_fleet_request(order(IMAGE), "lt-1")) == [["t3.micro"]]
    assert types(spot_fleet_request(order(IMAGE, {}), "lt-1")) == [["t3.micro", "t4g.micro"]]


def test_templates_have_names_of_their_own_that_are_ours() -> None:
    asked = order()
    made = [launch_template_request(asked, one.image) for one in asked.variants]
    names = [one["LaunchTemplateName"] for one in made]
    assert names[1] == f"{names[0]}-arm64"
    assert [one["LaunchTemplateData"]["ImageId"] for one in made] == ["ami-1", "ami-1-arm"]
    assert all(template_is_ours(one, {t.RELEASE: RELEASE}) for one in names)
    assert not template_is_ours(f"{names[0]}-mine", {t.RELEASE: RELEASE})


def test_a_fleet_tells_both_its_images() -> None:
    found = Fleet(id="sfr-1", launcher="", state=State.KEPT, capacity=2, tags=order().fleet_tags)
    assert (found.image, found.images) == ("ami-1", ("ami-1", "ami-1-arm"))
    alone = Fleet(id="", launcher="", state=State.KEPT, capacity=2, tags=order(IMAGE).fleet_tags)
    assert alone.images == ("ami-1",)
