"""Links: what a page of an application makes a browser fetch with it."""

from html.parser import HTMLParser
from urllib.parse import urldefrag, urljoin, urlsplit

# More than any page needs, and not so many that a rehearsal asks for nothing else.
MOST = 12
# What a <link> fetches at once.
FETCHED = {"stylesheet", "icon", "preload", "modulepreload", "manifest", "shortcut icon"}


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "link" and set(given.get("rel", "").lower().split()) & FETCHED:
            self.found.append(given.get("href", ""))
        elif tag in {"script", "img"}:
            self.found.append(given.get("src", ""))


def assets(page: str, html: str) -> list[str]:
    """Paths with their queries, each once, of stylesheets, scripts and pictures on the page's own
    host. `page` is the path that it was fetched from."""
    reader = _Reader()
    reader.feed(html)
    found: dict[str, None] = {}
    for link in reader.found:
        whole = urlsplit(urldefrag(urljoin(f"http://page{page}", link.strip())).url)
        if link.strip() and whole.scheme == "http" and whole.netloc == "page":
            found[whole.path + (f"?{whole.query}" if whole.query else "")] = None
    return list(found)[:MOST]


def elsewhere(page: str, location: str, host: str) -> str:
    """The path that a redirect leads to on the same host over HTTP; empty if it leads away."""
    whole = urlsplit(urljoin(f"http://{host}{page}", location))
    if whole.scheme != "http" or whole.netloc != host:
        return ""
    return (whole.path or "/") + (f"?{whole.query}" if whole.query else "")
