"""How an image that was released elsewhere is copied, and what becomes of half a copy."""

from pathlib import Path
from typing import Any

import pytest

from spotkiln import tags as t
from spotkiln.aws.bake import elsewhere
from spotkiln.bake.elsewhere import Elsewhere, Taken
from spotkiln.bake.image import Image
from spotkiln.bake.infra import BaseImage
from spotkiln.bake.recipe import Recipe
from spotkiln.bake.twin import pair
from spotkiln.beside import Beside
from spotkiln.errors import DeadlineExceeded, InfrastructureError, NotWanted
from spotkiln.keep.upkeep import Images
from spotkiln.release.job import Job
from spotkiln.release.release import ReleaseSpec
from tests.unit import nouns
from tests.unit.keep.leavings import Ami, Clock, Leavings, refusal
from tests.unit.nouns import RELEASE, TAGS

SOURCE, COPY = "ami-0a", "ami-0c0"
SECONDS = 30
ROLE = "arn:aws:iam::111111111111:role/taken-from"
MARK = f"{t.COPYING}123456789012/eu-west-1"


class Here(Leavings):
    """`state` is what becomes of a copy after a while."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[dict[str, Any]] = []
        self.began: dict[str, float] = {}
        self.sources: dict[str, str] = {}
        self.state = "available"

    def copy_image(self, asked: dict[str, Any]) -> dict[str, Any]:
        tokens = [one["ClientToken"] for one in self.asked]
        if asked["ClientToken"] not in tokens:
            self.asked.append(asked)
            self.sources[f"ami-0c{len(self.began)}"] = asked["SourceImageId"]
            tags = {one["ResourceType"]: one["Tags"] for one in asked["TagSpecifications"]}
            name = f"ami-0c{len(self.began)}"
            self.amis[name] = Ami(asked["Name"], t.from_aws(tags["image"]), [f"snap-{name}-0"])
            self.snapshots[f"snap-{name}-0"] = t.from_aws(tags["snapshot"])
            self.began[name] = self.time
        return {"ImageId": f"ami-0c{len(self.began) - 1}"}

    def describe_images(self, asked: dict[str, Any]) -> dict[str, Any]:
        found = super().describe_images(asked)
        for one in found["Images"]:
            del one["SourceInstanceId"]
            source = self.sources[one["ImageId"]]
            one |= {"SourceImageId": source, "SourceImageRegion": "eu-west-1"}
            due = self.time >= self.began[one["ImageId"]] + SECONDS
            one["State"] = self.state if due else "pending"
        return found

    def describe_snapshots(self, asked: dict[str, Any]) -> dict[str, Any]:
        found = super().describe_snapshots(asked)
        for one in found["Snapshots"]:
            image = one["SnapshotId"].split("-", 1)[1].rpartition("-")[0]
            one["Description"] = f"Copied for DestinationAmi {image} from SourceAmi {SOURCE}"
            one["Progress"] = f"{min(99, int(self.time * 3))}%"
        return found

    def modify_image_attribute(self, asked: dict[str, Any]) -> dict[str, Any]:
        assert asked["ImdsSupport"] == {"Value": "v2.0"}
        return {}


class There(Leavings):
    def __init__(self) -> None:
        super().__init__()
        self.bake(SOURCE, state="tested")
        self.marked: list[str] = []
        self.refuses = False

    def create_tags(self, asked: dict[str, Any]) -> dict[str, Any]:
        if self.refuses:
            raise refusal("UnauthorizedOperation", "CreateTags")
        self.marked += [one["Key"] for one in asked["Tags"]]
        return super().create_tags(asked)


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> There:
    found = There()
    monkeypatch.setattr(elsewhere, "clients", lambda *_: found.aws())
    return found


def job(key: str = "") -> Job:
    recipe = Recipe(inputs={"source": "12ab", "base": "ami-0b"})
    image = nouns.image(SOURCE, state="tested", recipe=recipe.digest)
    where = Elsewhere(role_arn=ROLE, kms_key=key)
    return Job(
        release=RELEASE,
        spec=ReleaseSpec(app=nouns.app(), images=Images(take_from=where)),
        infra=nouns.infra(),
        source=nouns.source(),
        recipe=recipe,
        tags=TAGS,
        folder=Path("/runs/1"),
        taken=Taken(image=image, recipe=recipe, where="account 111111111111 in eu-west-1"),
    )


def copied(here: Here, wanted: Job | None = None) -> Image:
    return elsewhere.copy(here.aws(), wanted or job(), clock=Clock(here), say=here.say)


def test_all_of_a_copy_is_tagged_in_the_call_that_makes_it(there: There) -> None:
    here = Here()
    image = copied(here)
    (asked,) = here.asked
    assert (asked["SourceImageId"], asked["SourceRegion"]) == (SOURCE, "eu-west-1")
    assert (asked["Name"], "KmsKeyId" in asked) == (job().image_name, False)
    each = [t.from_aws(one["Tags"]) for one in asked["TagSpecifications"]]
    assert each[0] == each[1] == image.tags
    assert image.tags[t.COPIED_FROM] == f"eu-west-1/{SOURCE}"
    assert (image.tags[t.STATE], image.recipe) == ("tested", job().recipe.digest)
    assert (image.id, image.ours, image.released) == (COPY, True, False)
    # While it was copied the original said so.
    assert (there.marked, MARK in there.amis[SOURCE].tags) == ([MARK], False)
    assert any(one.startswith("copying: ") for one in here.said)


def test_a_key_of_one_s_own_encrypts_it(there: There) -> None:
    del there
    here = Here()
    copied(here, job("alias/shop"))
    assert (here.asked[0]["Encrypted"], here.asked[0]["KmsKeyId"]) == (True, "alias/shop")


def test_what_an_earlier_try_began_is_waited_for(there: There) -> None:
    here = Here()
    there.before = here.before = lambda _: None

    def cut_off(operation: str) -> None:
        if operation == "describe_images" and here.began:
            raise KeyboardInterrupt

    here.before = cut_off
    with pytest.raises(KeyboardInterrupt):
        copied(here)
    here.before = lambda _: None
    assert MARK not in there.amis[SOURCE].tags
    assert copied(here).id == COPY
    assert len(here.asked) == 1


def test_one_that_failed_is_taken_away_and_made_anew(there: There) -> None:
    del there
    here = Here()
    here.state = "failed"
    with pytest.raises(InfrastructureError, match="EC2 could not copy image ami-0a of account 1"):
        copied(here)
    here.state = "available"
    here.began[COPY] = here.time + 1000

    # It has failed for good, whatever becomes of others.
    def describe(asked: dict[str, Any]) -> dict[str, Any]:
        found = Here.describe_images(here, asked)
        for one in found["Images"]:
            one["State"] = "failed" if one["ImageId"] == COPY else one["State"]
        return found

    here.describe_images = describe  # type: ignore[method-assign]
    assert copied(here).id == "ami-0c1"
    assert sorted(here.amis) == ["ami-0c1"]
    assert len({one["ClientToken"] for one in here.asked}) == 2


def test_without_the_right_to_say_so_it_is_copied_even_so(there: There) -> None:
    here = Here()
    there.refuses = True
    assert copied(here).id == COPY
    assert here.said[0].startswith(f"{SOURCE} does not say that it is being copied")


def test_it_is_not_waited_for_for_ever(there: There) -> None:
    del there
    here = Here()
    here.state = "pending"
    with pytest.raises(DeadlineExceeded, match=f"image {COPY} to be copied"):
        copied(here)


def test_a_twin_is_copied_by_a_job_of_its_own(there: There) -> None:
    there.amis["ami-0b"] = there.amis[SOURCE]
    arm = BaseImage(id="ami-arm", name="the base", architecture="arm64")
    one = job()
    recipe = Recipe(inputs={**one.recipe.inputs, "other_base": "ami-arm"})
    assert one.taken
    image = one.taken.image.with_tags(**{t.RECIPE: recipe.digest, t.INPUTS: recipe.to_tag()})
    twin = image.model_copy(update={"id": "ami-0b", "architecture": "arm64"})
    taken = one.taken.model_copy(update={"image": pair(image, twin), "recipe": recipe})
    infra = nouns.infra(other_base=arm)
    one = one.model_copy(update={"taken": taken, "recipe": recipe, "infra": infra})
    assert one.twin
    here = Here()
    first = copied(here, one)
    second = copied(here, one.twin)
    assert [x["SourceImageId"] for x in here.asked] == [SOURCE, "ami-0b"]
    assert [x["Name"] for x in here.asked] == [one.image_name, f"{one.image_name}/arm64"]
    assert len({x["ClientToken"] for x in here.asked}) == 2
    assert (
        (second.base, second.other_base) == (first.other_base, first.base) == ("ami-arm", "ami-0b")
    )
    assert [x.ours for x in (first, second)] == [True, True]
    # An earlier try's copies are found again, each by its own job.
    assert [copied(here, x).id for x in (one, one.twin)] == [first.id, second.id]
    assert len(here.asked) == 2


def test_a_copy_that_nobody_waits_for_any_more_is_not_waited_for(there: There) -> None:
    """Its twin's has failed: the release ends now, and not when this one is there."""
    here, beside = Here(), Beside()

    def copies() -> None:
        copied(here)

    beside.stop()
    beside.start(copies)
    beside.wait(60)
    with pytest.raises(NotWanted):
        beside.result()
    # What was begun is there to be undone, and the original says nothing any more.
    assert len(here.asked) == 1
    assert MARK not in there.amis[SOURCE].tags
