"""What an application wants beside its code: services, settings, an answer that is no redirect."""

import pytest

from spotkiln.bake.detect.detected import Detected
from spotkiln.show.checked import hints
from spotkiln.show.manifest import new_manifest
from tests.unit.bake.trees import lock, told, values, why
from tests.unit.nouns import settled

PRODUCTION = "config/environments/production.rb"
RAILS = {
    "Gemfile": 'gem "rails"',
    "Gemfile.lock": lock("pg (1.5.4)", "puma (6.4.2)", "rails (7.1.3)", "sidekiq (7.2.1)"),
}
DJANGO = {
    "requirements.txt": "django\ngunicorn\npsycopg[binary]\ncelery\nredis\npytest-django\n",
    "manage.py": "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')\n",
    "shop/wsgi.py": "",
}


def suggested(found: Detected, key: str) -> tuple[str, ...]:
    return next((one.value for one in found.suggested if one.key == key), ())


@pytest.mark.parametrize(
    ("files", "services"),
    [
        (RAILS, ("postgresql", "redis")),
        ({**RAILS, "Gemfile.lock": lock("rails (7.1.3)", "sqlite3 (2.0)")}, ()),
        (DJANGO, ("postgresql", "redis")),
        ({"requirements.txt": "fastapi\nuvicorn\nasyncpg\n"}, ("postgresql",)),
        ({"package.json": '{"dependencies": {"pg": "8", "bullmq": "5"}}'}, ("postgresql", "redis")),
        ({"package.json": '{"dependencies": {"express": "4"}}'}, ()),
        ({"go.mod": "module a\n\nrequire github.com/jackc/pgx/v5 v5.5.0\n"}, ("postgresql",)),
    ],
)
def test_the_services_that_tests_may_need(files: dict[str, str], services: tuple[str, ...]) -> None:
    assert suggested(told(**files), "test_services") == services


def test_they_are_written_as_a_comment_and_hinted_at_until_they_are_said() -> None:
    found = told(**RAILS)
    text = new_manifest(found)
    assert "# test_services:\n# - postgresql\n# - redis\n" in text
    assert "Gemfile.lock has pg 1.5.4, Gemfile.lock has sidekiq 7.2.1" in text
    (hint,) = (x for x in hints(settled(), suggested=found.suggested) if x.startswith("test_serv"))
    assert hint.endswith("test_services: [postgresql, redis]")
    app = settled(test_services=("postgresql",))
    assert not [x for x in hints(app, suggested=found.suggested) if x.startswith("test_services")]


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (RAILS, ("SECRET_KEY_BASE", "DATABASE_URL", "REDIS_URL")),
        (
            {**RAILS, "config/credentials.yml.enc": ""},
            ("RAILS_MASTER_KEY", "DATABASE_URL", "REDIS_URL"),
        ),
        (
            {
                **DJANGO,
                "shop/settings.py": "import os\nSECRET_KEY = os.environ['SECRET_KEY']\n"
                "DEBUG = os.environ.get('DEBUG', '')\nNAME = env('NAME', default='a')\n"
                "DATABASES = {'default': env.db('DATABASE_URL')}\nMAIL = config('MAIL')\n"
                "# OLD = os.environ['OLD']\nPORT = os.environ['PORT']\n",
            },
            ("SECRET_KEY", "DATABASE_URL", "MAIL"),
        ),
        (
            {
                **DJANGO,
                "shop/settings/base.py": "A = env('A')\n",
                "shop/settings/local.py": "B = env('B')\n",
                "shop/settings/test.py": "C = env('C')\n",
            },
            ("A",),
        ),
        (
            {
                **DJANGO,
                "shop/settings.py": "A = env('A')\n"
                "SECRET_KEY = envsecret('SHOP_KEY', '---')\nOLD = env('OLD', 'x')\n",
            },
            ("A", "SHOP_KEY"),
        ),
        ({"requirements.txt": "fastapi\nuvicorn\n"}, ()),
    ],
)
def test_the_settings_that_each_deployment_must_have(
    files: dict[str, str], names: tuple[str, ...]
) -> None:
    assert suggested(told(**files), "config") == names


FORCED = "  config.force_ssl = true\n"


@pytest.mark.parametrize(
    ("production", "warned"),
    [
        (FORCED, True),
        (f"  config.assume_ssl = true\n{FORCED}", False),
        (f"{FORCED}  # config.ssl_options = {{ redirect: {{ exclude: 1 }} }}\n", True),
        (f"{FORCED}  config.ssl_options = {{ redirect: {{ exclude: 1 }} }}\n", False),
        ("  # config.force_ssl = true\n", False),
    ],
)
def test_rails_that_forces_https_is_told_of(production: str, *, warned: bool) -> None:
    """The tests do not see it: they run in another environment."""
    found = told(**RAILS, **{PRODUCTION: production})
    assert bool([x for x in found.warned if "301" in x]) == warned
    assert bool([x for x in hints(settled(), warned=found.warned) if "301" in x]) == warned
    assert ("301" in new_manifest(found)) == warned


@pytest.mark.parametrize(
    ("settings", "warned"),
    [
        ("SECURE_SSL_REDIRECT = True\n", ["301"]),
        ("SECURE_SSL_REDIRECT = True\nSECURE_REDIRECT_EXEMPT = ['^up$']\n", []),
        ("ALLOWED_HOSTS = ['shop.example.com']\n", ["400"]),
        ("ALLOWED_HOSTS = []\n", ["400"]),
        ("ALLOWED_HOSTS = ['*']\n", []),
        # What a variable says is not known here.
        ("ALLOWED_HOSTS = env.list('HOSTS', default=['shop.example.com'])\n", []),
        ("ALLOWED_HOSTS = os.environ['HOSTS'].split()\n", []),
    ],
)
def test_django_that_refuses_the_load_balancer_is_told_of(settings: str, warned: list[str]) -> None:
    found = told(**DJANGO, **{"shop/settings.py": settings})
    assert [code for code in ("301", "400") if any(code in x for x in found.warned)] == warned


@pytest.mark.parametrize(
    ("line", "off"),
    [
        ('DEBUG = envbool("DEBUG", "True")', {"DEBUG": "False"}),
        ("DEBUG = os.environ.get('SHOP_DEBUG', '1') == '1'", {"SHOP_DEBUG": "0"}),
        ("DEBUG = env.bool('DEBUG', default=True)", {"DEBUG": "False"}),
        ("DEBUG: bool = bool(os.getenv('DEBUG', True))", {"DEBUG": "False"}),
        ("DEBUG = env.bool('DEBUG', default=False)", {}),
        ("DEBUG = os.environ.get('DEBUG', '')", {}),
        ("DEBUG = True", {}),
        ("# DEBUG = env.bool('DEBUG', default=True)", {}),
    ],
)
def test_django_shows_errors_to_nobody_unless_it_is_told_so(line: str, off: dict[str, str]) -> None:
    found = told(**DJANGO, **{"shop/settings.py": f"{line}\n"})
    settings = {"DJANGO_SETTINGS_MODULE": "shop.settings"}
    for key in ("environment", "build_environment", "test_environment"):
        assert values(found)[key] == {**settings, **off}
    assert ("DEBUG" in why(found, "environment")) == bool(off)


def test_django_that_always_shows_errors_is_told_of() -> None:
    def warned(files: dict[str, str]) -> list[str]:
        return [one for one in told(**DJANGO, **files).warned if "DEBUG = True" in one]

    assert warned({"shop/settings.py": "DEBUG = True\n"})
    assert not warned({"shop/settings/local.py": "DEBUG = True\n"})
    assert not warned({"shop/settings.py": "# DEBUG = True\nDEBUG = False\n"})


def test_a_host_check_that_a_variable_answers_is_not_hinted_at() -> None:
    found = told(**DJANGO, **{"shop/settings.py": "ALLOWED_HOSTS = ['shop.example.com']\n"})
    assert any("400" in one for one in hints(settled(), warned=found.warned))
    said = settled(environment={"ALLOWED_HOSTS": "*"})
    assert not any("400" in one for one in hints(said, warned=found.warned))
