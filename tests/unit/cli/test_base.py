"""Lines of base images, as the command tells them."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from spotkiln import tags as t
from spotkiln.bake.base import (
    BaseSpec,
    base_id,
    base_tags,
    fingerprint_of,
    new_base_name,
    promotion,
)
from spotkiln.bake.image import Image
from spotkiln.bake.interpreter import Interpreter
from spotkiln.cli.base import by_line, choose, line_of
from spotkiln.errors import InputError
from spotkiln.start.deployment import Deployment
from spotkiln.start.night import Night, NightOutcome, NightResult
from tests.unit import nouns


def night(name: str, /, **base: Any) -> Deployment:
    return Deployment(id=UUID(int=1), name=f"nightly/{name}", parameters={"base": base})


def app(name: str, base: str = "", other: str = "") -> Deployment:
    asked = {"base_image": base, "other_base_image": other}
    infra = {key: value for key, value in asked.items() if value}
    return Deployment(id=UUID(int=2), name=f"release/{name}", parameters={"infra": infra})


def made(line: str, image: str, age_hours: float) -> Image:
    found, owner = nouns.image(image, age_hours=age_hours), base_id("0" * 32)
    spec = BaseSpec(name=line)
    marks = promotion(fingerprint_of("a=1", spec), {Interpreter.NODE: "20.19.2"})
    tags = {**base_tags(line, owner, "run-1"), **marks}
    return found.model_copy(
        update={"name": new_base_name(spec, owner, found.created), "tags": tags}
    )


def test_a_line_is_found_by_its_name_and_not_by_its_deployments() -> None:
    default, node = Deployment(id=UUID(int=1), name="nightly/nightly"), night("any", name="node")
    lines = by_line([default, node])
    assert lines == {"rails-base": default, "node": node}
    assert choose(lines, "node") == node
    with pytest.raises(InputError, match=r"no line 'nightly'; there are: node, rails-base\. Name"):
        choose(lines, "nightly")


def test_two_deployments_of_one_line_are_refused() -> None:
    with pytest.raises(InputError, match="nightly/a and nightly/b are both of node"):
        by_line([night("a", name="node"), night("b", name="node")])


def test_what_is_no_nights_deployment_is_told_by_name() -> None:
    with pytest.raises(InputError, match="not the parameters of a night: nightly/bad"):
        by_line([night("bad", packages=["two words"])])


def test_a_line_with_its_newest_image_and_its_applications() -> None:
    images = [made("node", "ami-old", 9), made("node", "ami-new", 1), made("node-22", "ami-x", 0)]
    released = [app("shop", "node"), app("blog", "node *"), app("wiki"), app("cart", "node-22")]
    released += [app("both", other="node"), app("none", "node-22", "node-arm")]
    line = line_of(night("any", name="node", source_image="debian-12-*"), images, released)
    assert (line.image, line.has, line.source) == ("ami-new", {"node": "20.19.2"}, "debian-12-*")
    assert line.applications == ("shop", "blog", "both")


def test_a_line_without_an_image() -> None:
    line = line_of(night("any"), [made("node", "ami-node", 0)], [app("wiki")])
    assert (line.name, line.image, line.applications) == ("rails-base", "", ("wiki",))


def test_how_a_night_ended_in_few_words() -> None:
    image = made("node", "ami-new", 0)
    now = datetime(2026, 1, 2, tzinfo=UTC)
    night = Night(
        id="base-1",
        run="run-1",
        outcome=NightOutcome.REBUILT,
        why="why",
        base=image,
        started=now,
        ended=now,
    )
    told = NightResult.of(night)
    assert told.image == "ami-new"
    assert NightResult.parse(told.model_dump_json()) == told
    assert NightResult.parse("{}") is None
    assert t.BASE in image.tags
