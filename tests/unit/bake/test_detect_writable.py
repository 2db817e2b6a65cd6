"""Which folders an application is found to write to."""

import pytest

from spotkiln.bake.detect.detect import detect
from tests.unit.bake.trees import (
    RAILS_6,
    RAILS_8,
    told,
    tree,
    values,
    why,
)


@pytest.mark.parametrize(
    ("files", "folders"),
    [
        ({"manage.py": "import django", "shop/settings.py": ""}, ("media",)),
        ({"go.mod": "module shop", "main.go": "", "log/.keep": ""}, ("log",)),
        ({"package.json": "{}", "server.js": "", "uploads/.gitkeep": "", "lib/tmp/a.js": ""},
         ("uploads",)),
        ({"package.json": "{}", "server.js": "", "public/uploads/.gitkeep": "", "tmp": ""},
         ("public/uploads",)),
    ],
)  # fmt: skip
def test_the_folders_it_writes_to(files: dict[str, str], folders: tuple[str, ...]) -> None:
    assert values(detect(tree(files)))["writable"] == folders


RAILS_WRITES = ("log", "storage", "tmp", "tmp/cache", "tmp/pids")
SQLITE_6 = """\
default: &default
  adapter: sqlite3

production:
  <<: *default
  database: db/production.sqlite3
"""
SQLITE_8 = """\
default: &default
  adapter: sqlite3
production:
  cache:
    database: storage/production_cache.sqlite3
"""
BY_VARIABLE = """\
production:
  adapter: sqlite3
  database: <%= ENV.fetch('STATE_DIRECTORY') %>/x.sqlite3
"""
SERVER = "default:\n  adapter: postgresql\n  database: shop/x\n"
DATABASES = {
    "sqlite, Rails 6": (SQLITE_6, ("db", *RAILS_WRITES), None),
    "sqlite, Rails 8": (SQLITE_8, RAILS_WRITES, ("db",)),
    "sqlite, by variable": (BY_VARIABLE, RAILS_WRITES, ("db",)),
    "a server": (SERVER, RAILS_WRITES, ("db",)),
}


@pytest.mark.parametrize("name", DATABASES)
def test_rails_writes_where_it_was_generated_to(name: str) -> None:
    """The pid file, logs, uploads, SQLite; and its migration writes the schema."""
    text, writable, by_migration = DATABASES[name]
    files = {**RAILS_6, "config/database.yml": text, "db/schema.rb": "", "db/seeds.rb": ""}
    found = detect(tree(files))
    assert values(found)["writable"] == writable
    assert values(found).get("migrate_writable") == by_migration
    if name.startswith("sqlite, Rails"):
        assert f"config/database.yml has SQLite in {'db' if '6' in name else 'storage'}" in why(
            found, "writable"
        )


@pytest.mark.parametrize(
    ("routes", "smoke"),
    [
        ("root 'pages#home'\n", None),
        ("  get '/' => 'pages#home'\n", None),
        ("  resources :products\n", ()),
        ("# root 'pages#home'\n", ()),
        ("", None),
    ],
)
def test_rails_is_asked_for_its_root_if_it_has_one(
    routes: str, smoke: tuple[str, ...] | None
) -> None:
    """Else it answers with 500 in its tests' environment, up to 7.0."""
    found = told(**{**RAILS_6, "config/routes.rb": routes})
    assert values(found).get("smoke") == smoke


def test_rails_without_a_database_has_no_schema_to_write() -> None:
    assert "migrate_writable" not in values(detect(tree(RAILS_8)))


@pytest.mark.parametrize(
    ("settings", "folders", "told"),
    [
        ("MEDIA_ROOT = BASE_DIR / 'files' / 'up'\n", ("files/up",), "MEDIA_ROOT"),
        ('MEDIA_ROOT: Path = os.path.join(BASE_DIR, "files")\n', ("files",), "MEDIA_ROOT"),
        ("MEDIA_ROOT = '/var/lib/shop/media'\n", None, ""),
        ("X = {'NAME': BASE_DIR / 'data' / 'db.sqlite3'}\n", ("data", "media"), "SQLite in data"),
        ("X = {\n 'NAME': BASE_DIR / 'data/db.sqlite3',\n}\n", ("data", "media"), "SQLite in data"),
        ("X = {'NAME': os.path.join(BASE_DIR, 'db.sqlite3')}\n", ("media",), "(db.sqlite3), which"),
        ("X = {'NAME': 'shop'}\n", ("media",), "Django"),
    ],
)
def test_django_writes_where_its_settings_say(
    settings: str, folders: tuple[str, ...] | None, told: str
) -> None:
    found = detect(tree({"manage.py": "import django", "shop/settings.py": settings}))
    assert values(found).get("writable") == folders
    assert not folders or told in why(found, "writable")
