"""Applications as people have them, and what is detected of them."""

from typing import Any

from spotkiln.bake.description import Description
from spotkiln.bake.detect.detect import detect
from spotkiln.bake.detect.detected import Detected
from spotkiln.bake.tree import Tree, worth_reading


def tree(files: dict[str, str]) -> Tree:
    return Tree(names=frozenset(files), texts={x: y for x, y in files.items() if worth_reading(x)})


def told(**files: str) -> Detected:
    return detect(tree(files))


def values(found: Detected) -> dict[str, Any]:
    return {one.key: one.value for one in found.findings}


def why(found: Detected, key: str) -> str:
    one = found.find(key)
    assert one
    return one.why


def needs(found: Detected) -> tuple[str, ...]:
    return tuple(map(str, found.needs))


def lock(*gems: str) -> str:
    """A Gemfile.lock as Bundler writes it."""
    specs = "".join(f"    {one}\n      concurrent-ruby (~> 1.0)\n" for one in gems)
    return f"GEM\n  remote: https://gems.example/\n  specs:\n{specs}\nPLATFORMS\n  ruby\n"


RAILS_6 = {
    "Gemfile": """\
source "https://gems.example"
ruby "2.7.8"
gem 'rails', '~> 6.1.7'
gem 'pg', '>= 0.18', '< 2.0'
gem 'puma', '~> 5.0'
gem 'webpacker', '~> 5.0'
group :development, :test do
  gem 'rspec-rails'
  gem 'rspec_junit_formatter'
end
""",
    "Gemfile.lock": lock(
        "activerecord (6.1.7.6)", "pg (1.5.4)", "puma (5.6.7)", "rails (6.1.7.6)",
        "rspec-rails (5.1.2)", "rspec_junit_formatter (0.6.0)", "sprockets-rails (3.4.2)",
    ),
    "config.ru": "run Rails.application",
    "config/puma.rb": "port ENV.fetch('PORT') { 3000 }",
    "config/routes.rb": "Rails.application.routes.draw do\n  root 'pages#home'\nend\n",
    "config/environments/production.rb": "config.public_file_server.enabled = "
    "ENV['RAILS_SERVE_STATIC_FILES'].present?\nif ENV['RAILS_LOG_TO_STDOUT'].present?\n",
    "package.json": '{"dependencies": {"@rails/webpacker": "5.4.0"}}',
    "yarn.lock": "",
}  # fmt: skip
RAILS_7 = {
    "Gemfile": 'gem "rails", "~> 7.0.8"\ngem "sprockets-rails"\ngem "puma", "~> 5.0"\n'
    'gem "sd_notify"\ngem "minitest-junit"\n',
    "Gemfile.lock": lock(
        "activerecord (7.0.8)", "minitest-junit (1.1.1)", "puma (5.6.7)", "rails (7.0.8)",
        "sd_notify (0.1.1)", "sprockets-rails (3.4.2)",
    ),
    "config/puma.rb": "",
    "config/routes.rb": 'Rails.application.routes.draw do\n  get "/healthz" => "x#y"\nend\n',
    ".ruby-version": "ruby-3.2.2\n",
}  # fmt: skip
RAILS_8 = {
    "Gemfile": 'source "https://gems.example"\ngem "rails", "~> 8.0.1"\ngem "propshaft"\n'
    'gem "sqlite3", ">= 2.1"\ngem "puma", ">= 5.0"\ngem "bootsnap", require: false\n',
    "Gemfile.lock": lock(
        "activerecord (8.0.1)", "minitest (5.25.4)", "propshaft (1.1.0)", "puma (6.5.0)",
        "rails (8.0.1)", "sqlite3 (2.5.0-x86_64-linux-gnu)",
    ),
    "config/puma.rb": "",
    "config/routes.rb": 'get "up" => "rails/health#show", as: :rails_health_check\n',
    ".ruby-version": "3.3.6\n",
}  # fmt: skip
SINATRA = {
    "Gemfile": "gem 'sinatra'\ngem 'puma'\ngem 'rspec'\ngem 'rspec_junit_formatter'\n",
    "Gemfile.lock": lock("puma (6.4.2)", "rspec (3.13.0)", "rspec_junit_formatter (0.6.0)",
                         "sinatra (4.0.0)"),
    "config.ru": "run Sinatra::Application",
}  # fmt: skip
MANAGE = "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')\n"
DJANGO = {
    "manage.py": MANAGE,
    "shop/settings.py": "STATIC_ROOT = BASE_DIR / 'static'\n",
    "shop/wsgi.py": "application = get_wsgi_application()\n",
    "shop/asgi.py": "application = get_asgi_application()\n",
}
DJANGO_UV = {
    **DJANGO,
    "pyproject.toml": """\
[project]
name = "shop"
requires-python = ">=3.12"
dependencies = ["Django>=5.1", "gunicorn", "psycopg[binary]"]
[dependency-groups]
dev = ["pytest>=8", "pytest-django"]
""",
    "uv.lock": "version = 1",
    ".python-version": "3.12\n",
}
DJANGO_PIP = {
    **DJANGO,
    "requirements.txt": "# all\n-r base.txt\nDjango==4.2.7  # LTS\ngunicorn==21.2.0\n"
    'psycopg2-binary; python_version >= "3.8"\n',
    "requirements-dev.txt": "pytest-django",
}
DJANGO_POETRY = {
    "manage.py": MANAGE.replace("shop", "config"),
    "config/settings/base.py": "",
    "config/settings/production.py": "",
    "config/asgi.py": "",
    "config/wsgi.py": "",
    "pyproject.toml": """\
[tool.poetry]
name = "shop"
[tool.poetry.dependencies]
python = "^3.11"
django = "^5.0"
uvicorn = {extras = ["standard"], version = "*"}
[tool.poetry.group.dev.dependencies]
unittest-xml-reporting = "*"
""",
    "poetry.lock": "",
}
FASTAPI = {
    "requirements.txt": "fastapi[standard]>=0.110\nalembic\npytest\n",
    "app/__init__.py": "",
    "app/main.py": "from fastapi import FastAPI\n\napp = FastAPI(title='x')\n",
    "alembic.ini": "",
}
FLASK = {
    "pyproject.toml": '[project]\nname = "shop"\ndependencies = ["flask", "gunicorn"]\n'
    "[build-system]\nrequires = []\n",
    "src/shop/__init__.py": "def create_app(config=None):\n    ...\n",
}
EXPRESS = {
    "package.json": """{
  "main": "server.js",
  "scripts": {"start": "node server.js", "test": "node --test test/"},
  "engines": {"node": ">=20"},
  "dependencies": {"express": "^4.19.2"}
}""",
    "package-lock.json": "{}",
    "server.js": "",
    ".nvmrc": "v20.11.1\n",
}
NEXT = {
    "package.json": """{
  "scripts": {"dev": "next dev", "build": "next build", "start": "next start", "test": "vitest"},
  "dependencies": {"next": "14.2.3", "react": "^18"},
  "devDependencies": {"vitest": "^1.6.0"}
}""",
    "pnpm-lock.yaml": "",
    ".tool-versions": "nodejs 20.12.2\npnpm 9.1.0\n",
}
GO = {
    "go.mod": "module example.com/shop\n\ngo 1.22.3\n\nrequire github.com/x/y v1.0.0\n",
    "cmd/server/main.go": "package main",
    "internal/x.go": "package internal",
}
LIMITS = {key for key in Description.model_fields if key.endswith("_seconds")}
ALL = {
    "Rails 6": RAILS_6, "Rails 7": RAILS_7, "Rails 8": RAILS_8, "Sinatra": SINATRA,
    "Django, uv": DJANGO_UV, "Django, pip": DJANGO_PIP, "Django, poetry": DJANGO_POETRY,
    "FastAPI": FASTAPI, "Flask": FLASK, "Express": EXPRESS, "Next": NEXT, "Go": GO,
}  # fmt: skip
