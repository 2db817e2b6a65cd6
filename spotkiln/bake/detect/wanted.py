"""Wanted: what an application wants beside its code, as far as its packages and files tell:
services of its tests, settings, and how a load balancer must ask."""

import re
from collections.abc import Callable, Iterable, Iterator

from spotkiln.bake.configuration import OF_THE_UNIT
from spotkiln.bake.detect.database import django_on_sqlite
from spotkiln.bake.detect.detected import UNUSED, Notes
from spotkiln.bake.tree import Tree

# Packages that speak with a service, of each kind of application.
CLIENTS = {
    "postgresql": (
        "pg", "psycopg", "psycopg2", "psycopg2-binary", "asyncpg", "postgres",
        "github.com/lib/pq", "github.com/jackc/pgx",
    ),
    "redis": (
        "sidekiq", "resque", "redis", "ioredis", "bullmq", "bull", "django-redis",
        "github.com/redis/go-redis",
    ),
}  # fmt: skip
ADDRESSES = {"postgresql": "DATABASE_URL", "redis": "REDIS_URL"}
PRODUCTION = "config/environments/production.rb"
# Settings of Django that no server runs with.
_NOT_SERVING = re.compile(r"(?:^|[/_])(?:local|dev|develop|development|tests?|testing|ci)\.py$")
# Without a default: by os.environ, django-environ, python-decouple and their like.
_DEMANDED = re.compile(
    r"\bos\.environ\[['\"](\w+)['\"]\]"
    r"|\b(?:env|config)(?:\.(str|int|bool|db|db_url|cache|cache_url|url|list|json|path|email_url))?"
    r"\(\s*['\"](\w+)['\"]\s*\)"
)
# By any function of that kind, with a default: the secret that signs sessions, and DEBUG.
_READ = r"[\w.]*(?:env|config)\w*(?:\.\w+)*\s*[\[(]\s*['\"](\w+)['\"]\s*,\s*(?:default\s*=\s*)?"
_SECRET_WITH_DEFAULT = re.compile(
    rf"^\s*SECRET_KEY\s*(?::[^=\n]+)?=\s*{_READ}['\"\w]", re.MULTILINE
)
_OFF = {"True": "False", "true": "false", "1": "0", "yes": "no", "on": "off"}
_DEBUG_ON = re.compile(
    rf"^\s*DEBUG\s*(?::[^=\n]+)?=\s*(?:\w+\()?{_READ}['\"]?({'|'.join(_OFF)})\b", re.MULTILINE
)
# What can be read in their place, by how it is read. Others must be a number, or JSON.
_STAND_INS: dict[str | None, str] = {
    **dict.fromkeys((None, "str", "url", "list", "path"), UNUSED),
    **dict.fromkeys(("db", "db_url"), "sqlite://:memory:"),
    **dict.fromkeys(("cache", "cache_url"), "locmemcache://"),
    "email_url": "consolemail://",
}


def say_services(has: Callable[[str], str], notes: Notes) -> tuple[str, ...]:
    """`has` says where a package is named. What is found is suggested, and answered."""
    found = {
        service: why
        for service, names in CLIENTS.items()
        if (why := next(filter(None, map(has, names)), ""))
    }
    if found:
        why = f"{', '.join(found.values())}: the tests may need it"
        notes.suggest("test_services", tuple(found), why)
    return tuple(found)


def say_settings(names: Iterable[str], why: str, notes: Notes) -> None:
    wanted = tuple(dict.fromkeys(one for one in names if one not in OF_THE_UNIT))
    if wanted:
        notes.suggest("config", wanted, f"{why}: each deployment must have it")


def rails_wants(tree: Tree, has: Callable[[str], str], notes: Notes) -> None:
    services = say_services(has, notes)
    sealed = tree.has("config/credentials.yml.enc", "config/credentials/production.yml.enc")
    key = "RAILS_MASTER_KEY" if sealed else "SECRET_KEY_BASE"
    addresses = [ADDRESSES[one] for one in services]
    say_settings([key, *addresses], sealed or "what Rails asks for in production", notes)
    text = re.sub(r"^\s*#.*$", "", tree.text(PRODUCTION), flags=re.MULTILINE)
    forced = re.search(r"config\.force_ssl\s*=\s*true\b", text)
    if forced and not re.search(r"config\.assume_ssl\s*=\s*true\b|\bexclude:", text):
        notes.warn(
            f"health_path: {PRODUCTION} has force_ssl, so a server answers a load balancer that "
            "asks by HTTP with 301, which no test shows: set config.assume_ssl, or exclude the "
            "health path by config.ssl_options, or let the target group's matcher take 301"
        )


def serving_settings(tree: Tree) -> Iterator[tuple[str, str]]:
    """Django's settings that a server may run with: name and text, without comments."""
    for name, text in sorted(tree.texts.items()):
        if re.fullmatch(r"(.*/)?settings(/\w+)?\.py", name) and not _NOT_SERVING.search(name):
            yield name, re.sub(r"^\s*#.*$", "", text, flags=re.MULTILINE)


def demanded(tree: Tree) -> list[str]:
    """The variables without which Django's settings cannot be loaded."""
    texts = (text for _, text in serving_settings(tree))
    return [one[1] or one[3] for text in texts for one in _DEMANDED.finditer(text)]


def stand_ins(tree: Tree) -> dict[str, str]:
    """What stands in for those where no application runs."""
    texts = (text for _, text in serving_settings(tree))
    read = {one[1] or one[3]: one[2] for text in texts for one in _DEMANDED.finditer(text)}
    return {name: _STAND_INS[how] for name, how in read.items() if how in _STAND_INS}


def _say_settings_of_django(tree: Tree, notes: Notes) -> None:
    asked = demanded(tree)
    known = {
        found[1]: name
        for name, text in serving_settings(tree)
        if (found := _SECRET_WITH_DEFAULT.search(text)) and found[1] not in asked
    }
    whys = ["the settings ask for it, without a default"] * bool(asked)
    whys += [f"{file} has a default for {name}, which is no secret" for name, file in known.items()]
    say_settings([*asked, *known], "; ".join(whys), notes)


def debug_off(tree: Tree) -> dict[str, str]:
    """The variable that Django's settings have DEBUG on without, as it is off."""
    found = (_DEBUG_ON.search(text) for _, text in serving_settings(tree))
    return {one[1]: _OFF[one[2]] for one in found if one}


def django_wants(tree: Tree, has: Callable[[str], str], notes: Notes) -> None:
    if not django_on_sqlite(tree):
        say_services(has, notes)
    _say_settings_of_django(tree, notes)
    for name, text in serving_settings(tree):
        if re.search(r"^\s*DEBUG\s*=\s*True\b", text, re.MULTILINE):
            notes.warn(
                f"environment: {name} has DEBUG = True, so everybody would see errors with the "
                "settings: let it read a variable"
            )
        forced = re.search(r"^\s*SECURE_SSL_REDIRECT\s*=\s*True\b", text, re.MULTILINE)
        if forced and "SECURE_REDIRECT_EXEMPT" not in text:
            notes.warn(
                f"health_path: {name} has SECURE_SSL_REDIRECT, so a load balancer that asks by "
                "HTTP is answered with 301: name the health path in SECURE_REDIRECT_EXEMPT, or "
                "let the target group's matcher take 301"
            )
        hosts = re.search(r"^\s*ALLOWED_HOSTS\s*=\s*[\[(].*$", text, re.MULTILINE)
        if hosts and "*" not in hosts[0]:
            notes.warn(
                f"health_path: {name} has ALLOWED_HOSTS, and a load balancer asks by the machine's "
                "own address: what does not allow that answers with 400"
            )
