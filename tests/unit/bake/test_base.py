"""Base images: their fingerprints, which may be built upon, which go."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotkiln import tags as t
from spotkiln.bake.base import (
    DEBIAN,
    UBUNTU,
    BaseSpec,
    base_id,
    base_tags,
    fingerprint_of,
    lines_of,
    login_of,
    name_patterns,
    new_base_name,
    of_line,
    promotion,
    unneeded,
    usable,
    why_replaced,
)
from spotkiln.bake.builder import Builder
from spotkiln.bake.image import Image, ImageState
from spotkiln.bake.image_name import release_of
from spotkiln.bake.interpreter import Interpreter, from_tags
from spotkiln.errors import InfrastructureError
from spotkiln.tasks.bake.base import BaseJob
from tests.unit import nouns

SPEC = BaseSpec()
RUN = "01234567-89ab-4cde-8f01-23456789abcd"
OWNER = base_id(RUN)
LIST = "openssl=3.0.14 amd64\nruby=1:3.1 all\n"


def base(name: str = "ami-base", *, age_hours: float = 0, **tags: str) -> Image:
    """A promoted one of `rails-base`; other tags by the last part of their names."""
    made = nouns.image(name, age_hours=age_hours)
    marks = {**base_tags("rails-base", OWNER, RUN), **promotion(fingerprint_of(LIST, SPEC))}
    marks |= {f"{t.PREFIX}{key}": value for key, value in tags.items()}
    return made.model_copy(update={"name": new_base_name(SPEC, OWNER, made.created), "tags": marks})


def built_on(base_image: str, name: str = "ami-app") -> Image:
    return nouns.image(name, state="tested", inputs=f"base={base_image} source=12ab")


def test_its_name_tells_whose_it_is() -> None:
    name = new_base_name(SPEC, OWNER, datetime(2024, 5, 1, 3, 7, tzinfo=UTC))
    assert (OWNER, name) == ("base-0123456789ab", "rails-base 2024-05-01 03-07 base-0123456789ab")
    assert release_of(name) == OWNER
    untagged = nouns.image().model_copy(update={"name": name, "tags": {}})
    assert (untagged.is_base, untagged.release) == (True, OWNER)


@pytest.mark.parametrize("name", ["rails-base 1", "rails-base 2024-05-01", "debian-12-amd64-2024"])
def test_one_made_by_hand_is_nobodys(name: str) -> None:
    image = nouns.image().model_copy(update={"name": name, "tags": {"Name": "rails-base"}})
    assert (image.is_base, image.release) == (False, "")


def test_the_order_and_the_blanks_of_the_list_do_not_count() -> None:
    shuffled = "\n ruby=1:3.1 all\nopenssl=3.0.14 amd64 \n\n"
    assert fingerprint_of(shuffled, SPEC) == fingerprint_of(LIST, SPEC)


@given(st.lists(st.from_regex(r"\A[a-z]{1,5}=\d{1,2}\Z"), min_size=1, unique=True), st.randoms())
def test_equal_sets_of_packages_and_only_these_are_equal(lines, random) -> None:  # type: ignore[no-untyped-def]
    digest = fingerprint_of("\n".join(lines), SPEC).digest
    random.shuffle(lines)
    assert fingerprint_of("\n".join(lines), SPEC).digest == digest
    assert fingerprint_of("\n".join([*lines, "new=1.0"]), SPEC).digest != digest


def test_settings_count_and_who_the_source_is_does_not() -> None:
    known = fingerprint_of(LIST, SPEC)
    other = BaseSpec(source_image="debian-12-*", source_owner="self", region="eu-west-1")
    assert fingerprint_of(LIST, other) == known
    more = fingerprint_of(LIST, BaseSpec(packages=["python3"]))
    assert more.differences(known.to_tag()) == ["variables"]


@pytest.mark.parametrize("text", ["", "\n", "  \n "])
def test_an_empty_list_is_no_list(text: str) -> None:
    with pytest.raises(InfrastructureError, match="empty"):
        fingerprint_of(text, SPEC)


def test_what_a_change_is() -> None:
    known = fingerprint_of(LIST, SPEC)
    assert why_replaced(known, base()) == ""
    newer = fingerprint_of(LIST.replace("14", "15"), SPEC)
    assert why_replaced(newer, base()) == "packages"
    assert why_replaced(known, None) == "there was no base image"
    by_hand = nouns.image("ami-hand").model_copy(update={"tags": {}})
    assert why_replaced(known, by_hand) == "ami-hand has no fingerprint"


def test_its_tags_fit() -> None:
    assert all(len(value) <= 256 for value in promotion(fingerprint_of(LIST, SPEC)).values())


def test_only_promoted_ones_and_those_made_by_hand_may_be_built_upon() -> None:
    by_hand = nouns.image("ami-hand").model_copy(update={"name": "rails-base 1", "tags": {}})
    candidate = base("ami-candidate", state=ImageState.CANDIDATE)
    untagged = base("ami-untagged").model_copy(update={"tags": {}})
    pending = base("ami-pending").model_copy(update={"available": False})
    images = [by_hand, candidate, untagged, pending, base()]
    assert usable(images) == [by_hand, base()]


def test_an_applications_own_image_is_no_base_whatever_its_name_begins_with() -> None:
    """A line and an application may be called alike: production would be baked anew, on what was
    baked for staging."""
    app = built_on("ami-base", "ami-app")
    untagged = app.model_copy(update={"id": "ami-killed", "tags": {}})
    copied = app.model_copy(update={"id": "ami-copied", "copied": True})
    assert usable([app, untagged, copied, base()]) == [base()]
    assert of_line([app, untagged, copied], "demo-web-app") == []


def ids(images: list[Image]) -> list[str]:
    return [image.id for image in unneeded(images, "rails-base")]


def test_old_ones_go_oldest_first() -> None:
    old, older = base("ami-old", age_hours=24), base("ami-older", age_hours=48)
    assert ids([base(), old, older]) == ["ami-older", "ami-old"]


def test_what_something_was_built_from_stays() -> None:
    old, older = base("ami-old", age_hours=24), base("ami-older", age_hours=48)
    assert ids([base(), old, older, built_on("ami-old")]) == ["ami-older"]
    assert ids([base(), old, built_on("ami-base")]) == ["ami-old"]


def test_what_an_image_for_the_other_architecture_was_built_from_stays() -> None:
    old = base("ami-old", age_hours=24)
    inputs = "base=ami-elsewhere other_base=ami-old source=12ab"
    app = built_on("ami-x", "ami-app").with_tags(**{t.INPUTS: inputs})
    assert ids([base(), old, app]) == []


def test_what_is_not_ours_or_shall_stay_stays() -> None:
    by_hand = nouns.image("ami-hand", age_hours=99).model_copy(
        update={"name": "rails-base 1", "tags": {}}
    )
    candidate = base("ami-candidate", age_hours=9, state=ImageState.CANDIDATE)
    another = base("ami-python", age_hours=9, base="python-base")
    kept = base("ami-kept", age_hours=9, keep="for the auditor")
    assert ids([base(), by_hand, candidate, another, kept]) == []


any_base = st.builds(
    lambda n, age, state, available: base(f"ami-{n}", age_hours=age, state=state).model_copy(
        update={"available": available}
    ),
    st.integers(0, 9),
    st.integers(0, 99),
    st.sampled_from(ImageState),
    st.booleans(),
)
any_app = st.builds(lambda n, m: built_on(f"ami-{n}", f"ami-app-{m}"), *[st.integers(0, 9)] * 2)


@given(st.lists(st.one_of(any_base, any_app), unique_by=lambda one: one.id))
def test_neither_the_current_one_nor_one_in_use_ever_goes(images: list[Image]) -> None:
    gone = set(ids(images))
    assert gone.isdisjoint(image.base for image in images)
    buildable = [image for image in usable(images) if image.is_base]
    left = [image for image in buildable if image.id not in gone]
    assert bool(left) == bool(buildable)
    if left:
        newest = max(buildable, key=lambda one: (one.created, one.id))
        assert newest in left


@pytest.mark.parametrize(
    ("wanted", "patterns"),
    [
        ("rails-base*", ["rails-base*"]),
        ("node", ["node", "node *"]),
        ("rails-base 2024-05-0?", ["rails-base 2024-05-0?"]),
    ],
)
def test_a_line_is_named_by_its_name(wanted: str, patterns: list[str]) -> None:
    assert name_patterns(wanted) == patterns


def test_a_line_is_no_part_of_one_with_a_longer_name() -> None:
    rails = base("ami-rails")
    longer = base("ami-longer", base="rails-base-12").model_copy(
        update={"name": "rails-base-12 2024-05-01 03-07 base-0123456789ab"}
    )
    untagged = longer.model_copy(update={"id": "ami-untagged", "tags": {}})
    by_hand = nouns.image("ami-hand").model_copy(update={"name": "rails-base 1", "tags": {}})
    every = [rails, longer, untagged, by_hand]
    assert [one.id for one in of_line(every, "rails-base")] == ["ami-rails", "ami-hand"]
    assert [one.id for one in of_line(every, "rails-base-12")] == ["ami-longer", "ami-untagged"]
    assert lines_of(every) == ["rails-base", "rails-base-12"]


def test_a_promoted_one_tells_what_it_has_and_whom_it_lets_in() -> None:
    has = {Interpreter.RUBY: "3.3.8"}
    marks = promotion(fingerprint_of(LIST, SPEC), has, "ubuntu")
    image = base().with_tags(**marks)
    assert (from_tags(image.tags), image.login) == (has, "ubuntu")
    assert base().login == "admin"


@pytest.mark.parametrize(
    ("owner", "tags", "asked", "login"),
    [
        (DEBIAN, {}, "", "admin"),
        (UBUNTU, {}, "", "ubuntu"),
        ("123456789012", {}, "rocky", "rocky"),
        (UBUNTU, {}, "deploy", "deploy"),
        ("self", {t.LOGIN: "ubuntu"}, "", "ubuntu"),
        ("self", {t.LOGIN: "ubuntu"}, "deploy", "deploy"),
        ("self", {}, "", "admin"),
    ],
)
def test_whom_it_lets_in(owner: str, tags: dict[str, str], asked: str, login: str) -> None:
    source = nouns.image("ami-source").model_copy(update={"tags": tags})
    assert login_of(BaseSpec(source_owner=owner), source, asked) == login


def test_the_bake_hands_it_on() -> None:
    """What is baked on it goes in as its tag says."""
    job = BaseJob(
        id=OWNER,
        run=RUN,
        spec=BaseSpec(source_owner="123456789012"),
        builder=Builder(ssh_username="rocky"),
        region="eu-west-1",
        source=nouns.image("ami-source"),
        vpc="vpc-1",
        subnets=("subnet-1",),
        image_name="rails-base 1",
        folder=Path("run"),
    )
    assert job.login == "rocky"
    found = fingerprint_of(LIST, SPEC)
    assert base().with_tags(**promotion(found, login=job.login)).login == "rocky"


def test_another_login_user_makes_another_base() -> None:
    known = fingerprint_of(LIST, SPEC)
    assert why_replaced(known, base(), "rocky") == "login user"
    assert why_replaced(known, base(login="rocky"), "rocky") == ""
