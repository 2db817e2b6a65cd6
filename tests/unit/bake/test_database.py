"""Where an application's data is, as its own files tell."""

import pytest

from spotkiln.bake.detect.database import django_on_sqlite, rails_on_sqlite
from spotkiln.bake.tree import Tree, worth_reading

RAILS = "config/database.yml"
SQLITE = f"{RAILS}: production is on sqlite3, on the server's disk"
AS_GENERATED = """\
# SQLite. Versions 3.8.0 and up are supported.
default: &default
  adapter: sqlite3
  pool: <%= ENV.fetch("RAILS_MAX_THREADS") { 5 } %>

test:
  <<: *default
  database: storage/test.sqlite3
"""
RAILS_8 = f"""{AS_GENERATED}
production:
  primary:
    <<: *default
    database: storage/production.sqlite3
  cache:
    <<: *default
    database: storage/production_cache.sqlite3
"""


def rails(text: str) -> str:
    assert worth_reading(RAILS)
    return rails_on_sqlite(Tree(names=frozenset({RAILS}), texts={RAILS: text}))


@pytest.mark.parametrize(
    "text",
    [
        f"{AS_GENERATED}\nproduction:\n  <<: *default\n  database: storage/production.sqlite3\n",
        RAILS_8,
        'production:\n  adapter: sqlite3\n  database: <%= File.join(ENV["HOME"], "x: y") %>\n',
    ],
)
def test_rails_on_sqlite(text: str) -> None:
    assert rails(text) == SQLITE


@pytest.mark.parametrize(
    "text",
    [
        "",
        "production: [\n",
        "production:\n  adapter: postgresql\n",
        # Development alone.
        f"{AS_GENERATED}\nproduction:\n  adapter: trilogy\n",
        f"{AS_GENERATED}\nproduction:\n  <<: *default\n  url: <%= ENV['DATABASE_URL'] %>\n",
        # One of several.
        RAILS_8.replace("primary:\n    <<: *default", "primary:\n    adapter: postgresql"),
        # Which one, only Ruby knows.
        'production:\n  adapter: <%= ENV["ADAPTER"] %>\n',
        AS_GENERATED,
    ],
)
def test_rails_elsewhere(text: str) -> None:
    assert rails(text) == ""


def test_no_database_at_all() -> None:
    assert rails_on_sqlite(Tree(names=frozenset())) == ""
    assert django_on_sqlite(Tree(names=frozenset())) == ""


DJANGO = 'DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}}\n'


def test_django_on_sqlite() -> None:
    files = {"shop/settings.py": DJANGO, "shop/urls.py": ""}
    found = django_on_sqlite(Tree(names=frozenset(files), texts=files))
    assert found == "shop/settings.py: the database is SQLite, on the server's disk"


@pytest.mark.parametrize(
    "files",
    [
        {"shop/settings.py": DJANGO + "DATABASES['default'] = dj_database_url.config()\n"},
        {"shop/settings.py": "DATABASES = {'default': env.db('DATABASE_URL')}\n" + DJANGO},
        {"shop/settings/a.py": DJANGO, "shop/settings/b.py": "django.db.backends.mysql"},
        {"shop/settings.py": "DATABASES = {}\n"},
        {"shop/database.py": DJANGO},
    ],
)
def test_django_elsewhere(files: dict[str, str]) -> None:
    assert django_on_sqlite(Tree(names=frozenset(files), texts=files)) == ""
