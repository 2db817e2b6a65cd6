"""Routes: what a Rails application's config/routes.rb has."""

import re

_ROOT = re.compile(r"^\s*root\b|['\"]/['\"]", re.MULTILINE)
_NAMES = "up|health|healthz|healthcheck|health_check|ping"
_HEALTH = re.compile(rf"get\s*\(?\s*(?:['\"]/?({_NAMES})['\"]|:({_NAMES})\b)")
_OPENS = re.compile(r"\bdo(\s*\|[^|]*\|)?$|^(?:if|unless|case|begin|while|until|def)\b")
# What puts a known path before the routes within; anything else may put an unknown one there, or
# allow them to some only.
_AROUND = re.compile(r"(?:namespace|scope)[\s(]+(?:['\"]/?([\w/-]+)['\"]|:(\w+))\s*\)?\s*do$")


def _before(opening: str) -> str | None:
    """The path before the routes of a block; None if that is not known."""
    if re.search(r"\.routes\.draw\s+do$", opening):
        return ""
    around = _AROUND.match(opening)
    return f"/{around[1] or around[2]}" if around else None


def has_root(routes: str) -> bool:
    return bool(_ROOT.search(routes))


def health_route(routes: str) -> str:
    """The path of a route whose name says that it tells whether all is well; empty if none is
    known."""
    around: list[str | None] = []
    for line in routes.splitlines():
        text = re.sub(r"(^|\s)#.*", "", line).strip()
        found = _HEALTH.match(text)
        paths = [one for one in around if one is not None]
        if found and len(paths) == len(around):
            return f"{''.join(paths)}/{found[1] or found[2]}"
        if _OPENS.search(text):
            around.append(_before(text))
        elif text == "end" and around:
            around.pop()
    return ""
