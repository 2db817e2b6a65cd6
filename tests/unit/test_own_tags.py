"""A company's own tags: which can be given, and that they come to all that is made."""

from datetime import UTC, datetime

import pytest

from spotkiln import tags as t
from spotkiln.aws.dryrun import trial_tags
from spotkiln.bake.base import BaseSpec, base_tags
from spotkiln.bake.infra_names import InfraNames
from spotkiln.bake.layer import Layer
from spotkiln.bake.recipe import Recipe
from spotkiln.keep.preview import Wanted
from spotkiln.serve.order import settings_digest
from spotkiln.serve.spec import FleetSpec
from tests.unit import nouns

OWN = {"Team": "shop", "cost-centre": "4711 @ Zürich"}


def test_they_are_beside_ours() -> None:
    of_release = t.release_tags(
        app="shop", release="r1", run="run", commit="c", target_group="web", own=OWN
    )
    layer = Layer(app="shop", recipe=Recipe(inputs={"lock": "1"}), own=OWN)
    wanted = Wanted(app="shop", branch="b", release="r1", run="run", own=OWN)
    for tags in (
        of_release,
        layer.tags("run"),
        layer.image_tags("run", "admin"),
        wanted.tags("b.example.com", datetime(2026, 1, 1, tzinfo=UTC), 24),
        base_tags("rails-base", "base-1", "run", OWN),
    ):
        assert tags.items() >= OWN.items()
        assert tags[t.RELEASE]
    (asked,) = trial_tags("instance", own=OWN)
    assert t.from_aws(asked["Tags"]) == {**OWN, t.RELEASE: "dry-run"}


def test_other_tags_are_other_servers() -> None:
    """Else what serves would never get them."""
    plain, spec = nouns.infra(), FleetSpec()
    tagged = plain.model_copy(update={"tags": OWN})
    assert settings_digest(spec, plain) != settings_digest(spec, tagged)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"Name": "shop"}, "not yours to set"),
        ({"spotkiln:app": "shop"}, "not yours to set"),
        ({"Spotkiln:app": "shop"}, "not yours to set"),
        ({"aws:team": "shop"}, "not yours to set"),
        ({"": "shop"}, "too long, or empty"),
        ({"k" * 129: "shop"}, "too long, or empty"),
        ({"Team": "v" * 257}, "too long, or empty"),
        ({"Team": "shop;drop"}, "in the value"),
        ({"Te&am": "shop"}, "expected a key"),
        # EC2 launches no instance with these while its metadata show its tags.
        ({"Cost Center": "shop"}, "its metadata cannot show"),
        ({"cost/centre": "shop"}, "its metadata cannot show"),
        ({"Größe": "shop"}, "its metadata cannot show"),
        ({"_index": "shop"}, "_index alone"),
        ({".": "shop"}, "its metadata cannot show"),
        ({"..": "shop"}, "its metadata cannot show"),
        # Elastic Load Balancing takes no comma.
        ({"cost,centre": "shop"}, "expected a key"),
        ({f"key{one}": "x" for one in range(21)}, "at most 20"),
    ],
)
def test_what_cannot_be_given_is_refused_in_the_settings(wrong: dict[str, str], said: str) -> None:
    for noun in (InfraNames, BaseSpec):
        with pytest.raises(ValueError, match=said):
            noun(tags=wrong)


def test_what_can_is_kept() -> None:
    assert InfraNames(tags=OWN).tags == OWN
    assert t.why_not({"k" * 128: "v" * 256, "empty": ""}) == ""
