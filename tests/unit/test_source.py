"""Where a commit is to be seen."""

import pytest

from spotkiln.source import commit_url


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
