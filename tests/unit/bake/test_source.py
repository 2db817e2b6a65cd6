"""Where a commit is to be seen, and what of an address is told."""

import pytest

from spotkiln.bake.source import commit_url, without_credentials, without_password


@pytest.mark.parametrize(
    ("repository", "expected"),
    [
        ("https://github.com/o/shop.git", "https://github.com/o/shop/commit/c1"),
        ("https://token@github.com/o/shop", "https://github.com/o/shop/commit/c1"),
        ("git@github.com:o/shop.git", "https://github.com/o/shop/commit/c1"),
        ("ssh://git@github.com:22/o/shop.git", "https://github.com/o/shop/commit/c1"),
        ("https://gitlab.com/g/sub/shop.git", "https://gitlab.com/g/sub/shop/-/commit/c1"),
        ("git@gitlab.example.com:g/shop.git", "https://gitlab.example.com/g/shop/-/commit/c1"),
        ("https://codeberg.org/o/shop.git/", "https://codeberg.org/o/shop/commit/c1"),
        ("http://gitea.lan:3000/o/shop.git", "http://gitea.lan:3000/o/shop/commit/c1"),
        ("https://bitbucket.org/o/shop", "https://bitbucket.org/o/shop/commits/c1"),
        (
            "git@github.com:o/x)![a](//evil y",
            "https://github.com/o/x%29%21%5Ba%5D%28//evil%20y/commit/c1",
        ),
        # Not known, or on no web: no link rather than a wrong one.
        ("https://git.example.com/o/shop.git", ""),
        ("https://github.com/", ""),
        ("https://notgithub.com/o/shop", ""),
        ("/srv/git/github.com/shop", ""),
        ("build/demo-web-app", ""),
        ("file:///srv/git/shop", ""),
    ],
)
def test_commit_url(repository: str, expected: str) -> None:
    assert commit_url(repository, "c1") == expected


def test_no_commit_no_page() -> None:
    assert commit_url("https://github.com/o/shop.git", "") == ""


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://ann:secret@git.example/app.git", "https://git.example/app.git"),
        ("https://token@git.example:8443/app.git", "https://git.example:8443/app.git"),
        ("ssh://git@git.example/app", "ssh://git.example/app"),
        ("git@git.example:team/app.git", "git@git.example:team/app.git"),
        ("/srv/git/demo", "/srv/git/demo"),
    ],
)
def test_addresses_fit_for_a_log(url: str, shown: str) -> None:
    assert without_password(url) == shown


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("cannot read 'https://tok@h/x/': 403", "cannot read 'https://h/x/': 403"),
        ("cannot read https://ann:se/cr@et@h/x", "cannot read https://h/x"),
        (
            "'https://me:hush@git.test/x.git' does not match '^(?!-)'",
            "'https://git.test/x.git' does not match '^(?!-)'",
        ),
        ("no https://h/x?Private_Token=abc&a=b", "no https://h/x?Private_Token=...&a=b"),
        ("git@git.example:app is as it was", "git@git.example:app is as it was"),
        ("http://h:8080/a/b", "http://h:8080/a/b"),
        ("404 - GET http://h:4873/@corp%2fui", "404 - GET http://h:4873/@corp%2fui"),
        ("no answer of redis://:hu/sh@cache:6379/0", "no answer of redis://cache:6379/0"),
    ],
)
def test_no_credentials_of_an_address_among_words(said: str, told: str) -> None:
    assert without_credentials(said) == told
