"""Where the settings are, and which must be there: names only."""

import pytest
from pydantic import ValidationError

from spotkiln.bake.configuration import (
    Configuration,
    Known,
    Stored,
    in_words,
    missing,
    require_names,
    require_profile,
)
from spotkiln.errors import InputError

SOURCES = Configuration(parameters=("/shop/production/",), secrets=("shop/production",))
PATHS = Configuration(parameters=("/shop/production/",))


def stored(*names: str, version: str = "1") -> tuple[Stored, ...]:
    return tuple(Stored(name=name, version=version) for name in names)


def test_a_path_ends_with_a_slash_however_it_was_given() -> None:
    assert Configuration(parameters=("/shop/production",)) == PATHS


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"parameters": ("shop/production/",)}, "expected a path of Parameter Store"),
        ({"parameters": ("/",)}, "expected a path of Parameter Store"),
        ({"parameters": ("/shop//x/",)}, "expected a path of Parameter Store"),
        ({"parameters": ("/shop/\n# spotkiln-role: server",)}, "expected a path"),
        ({"parameters": ("/a/", "/shop/\n")}, "as number 2"),
        ({"parameters": ("/shop/", "/shop")}, "each path once"),
        ({"secrets": ("postgres://shop:hunter2@db/shop",)}, "Name where the values are"),
        ({"secrets": ("",)}, "expected the name or ARN of a secret"),
        ({"secrets": ("a", "a")}, "each secret once"),
        ({"secrets": ("a\n",)}, "expected the name or ARN"),
        ({"secret": ("a",)}, "Extra inputs"),
    ],
)
def test_names_are_refused_in_words(given: dict[str, tuple[str, ...]], words: str) -> None:
    with pytest.raises(ValidationError, match=words) as refused:
        Configuration.model_validate(given)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    "name",
    ["shop", "shop/production", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop-AbCdEf"],
)
def test_secrets_go_by_name_or_arn(name: str) -> None:
    assert Configuration(secrets=(name,)).secrets == (name,)


def test_a_machine_is_told_the_names_in_its_user_data() -> None:
    assert SOURCES.user_data == (
        "# spotkiln-parameters: /shop/production/\n# spotkiln-secret: shop/production\n"
    )
    assert Configuration().user_data == ""


# -- what must be there --


def test_required_names_are_looked_for_among_the_parameters() -> None:
    known = Known(sources=PATHS, parameters=stored("DATABASE_URL", "tls.key"))
    assert missing(["DATABASE_URL", "SECRET_KEY_BASE"], known) == ["SECRET_KEY_BASE"]
    require_names(["DATABASE_URL"], known)
    with pytest.raises(InputError) as refused:
        require_names(["DATABASE_URL", "SECRET_KEY_BASE"], known)
    assert "needs SECRET_KEY_BASE" in str(refused.value)
    assert "--name /shop/production/SECRET_KEY_BASE" in str(refused.value)


def test_the_keys_of_a_secret_are_known_to_the_servers_alone() -> None:
    known = Known(sources=SOURCES, parameters=stored("A"), secrets=stored("shop/production"))
    require_names(["DATABASE_URL"], known)
    assert "so a secret must have: DATABASE_URL" in in_words(known, ["A", "DATABASE_URL"])[-1]


def test_a_name_that_is_nearly_right_is_told() -> None:
    known = Known(sources=PATHS, parameters=stored("database-url"))
    with pytest.raises(InputError, match="There is database-url: rename it to DATABASE_URL"):
        require_names(["DATABASE_URL"], known)


def test_without_a_configuration_it_is_said_where_one_belongs() -> None:
    require_names([], Known())
    with pytest.raises(InputError, match="the deployment does not say where they are"):
        require_names(["DATABASE_URL"], Known())


def test_what_nobody_could_look_at_is_left_to_the_servers() -> None:
    known = Known(sources=PATHS, unknown=True)
    require_names(["DATABASE_URL"], known)
    assert "could not be looked at" in in_words(known)[0]


def test_the_servers_need_a_role_to_read_it() -> None:
    require_profile(SOURCES, "website")
    require_profile(Configuration(), "")
    with pytest.raises(InputError, match=r"infra\.instance_profile is empty"):
        require_profile(SOURCES, "")


# -- versions --


def test_versions_differ_with_each_value_and_with_where_it_comes_from() -> None:
    first = Known(sources=PATHS, parameters=stored("A", "B"))
    others = [
        Known(sources=PATHS, parameters=stored("A", "B", version="2")),
        Known(sources=PATHS, parameters=stored("A")),
        Known(sources=SOURCES, parameters=stored("A", "B"), secrets=stored("shop/production")),
        Known(sources=PATHS, unknown=True),
    ]
    assert len({one.versions for one in [first, *others]}) == 5
    assert first.versions == Known(sources=PATHS, parameters=stored("A", "B")).versions
    assert Known().versions == ""


def test_words_name_what_is_there() -> None:
    known = Known(
        sources=SOURCES,
        parameters=stored("DATABASE_URL", "PORT", "tls.key"),
        secrets=stored("shop/production"),
    )
    assert in_words(known) == [
        "/shop/production/: DATABASE_URL",
        "no variables, for their names can be none, but files: PORT, tls.key",
        "secret shop/production: its keys are known only to the servers",
    ]
    assert in_words(Known()) == []
