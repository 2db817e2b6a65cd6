"""What a page makes a browser fetch with it."""

import pytest

from rehearsal.links import MOST, assets, elsewhere

PAGE = """<!doctype html><html><head>
<link rel="stylesheet" href="/assets/a.css?v=1"><link rel=icon href="icon.png">
<link rel="canonical" href="/other"><link rel="preload" href="//cdn.example/x.css">
<script src="../js/a.js#top"></script><script>var a = 1</script>
</head><body><a href="/next">next</a><img src="data:image/png;base64,AA">
<img src="/assets/a.css?v=1"><img src="https://elsewhere.example/b.png"></body></html>"""


def test_stylesheets_scripts_and_pictures_of_its_own_host_each_once() -> None:
    assert assets("/shop/list?page=2", PAGE) == [
        "/assets/a.css?v=1",
        "/shop/icon.png",
        "/js/a.js",
    ]


def test_there_is_an_end_to_them() -> None:
    many = "".join(f'<img src="/{number}.png">' for number in range(100))
    assert len(assets("/", many)) == MOST


@pytest.mark.parametrize("html", ["", "<<<", "<link>", '<script src="">', '{"a": 1}'])
def test_what_is_no_page_needs_nothing(html: str) -> None:
    assert assets("/", html) == []


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("/login", "/login"),
        ("login?next=/", "/login?next=/"),
        ("http://127.0.0.1:8080/login", "/login"),
        ("https://127.0.0.1:8080/", ""),
        ("http://example.com/", ""),
    ],
)
def test_where_a_redirect_leads_on_the_same_host(location: str, path: str) -> None:
    assert elsewhere("/", location, "127.0.0.1:8080") == path
