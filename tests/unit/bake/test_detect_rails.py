"""What is detected of Rails applications beyond their commands."""

import pytest

from tests.unit.bake.trees import lock, needs, told, values, why

LOCK = ("activerecord (7.0.8)", "puma (6.4.2)", "rails (7.0.8)")


def routes(text: str) -> dict[str, str]:
    drawn = f"Rails.application.routes.draw do\n{text}end\n"
    return {"Gemfile": 'gem "rails"', "Gemfile.lock": lock(*LOCK), "config/routes.rb": drawn}


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ('  get "health", to: "health#show"\n', "/health"),
        ("  get :health, to: 'health#show'\n", "/health"),
        ("  namespace :api do\n  namespace 'v1' do\n    get 'up'\n  end\n  end\n", "/api/v1/up"),
        ("  scope '/internal' do\n    get 'health' # asks nobody\n  end\n", "/internal/health"),
        ("  resources :things do\n    get 'health'\n  end\n  get '/healthz'\n", "/healthz"),
        ("  constraints(host: 'a') do\n    get 'health'\n  end\n", "/"),
        ("  scope module: 'x', path: 'y' do\n    get 'health'\n  end\n", "/"),
        ("  # get 'health'\n", "/"),
        ("  things = [1].each do |one|\n    puts one\n  end\n  get 'up'\n", "/up"),
    ],
)  # fmt: skip
def test_the_health_path_is_the_route_with_what_is_around_it(text: str, path: str) -> None:
    assert values(told(**routes(text)))["health_path"] == path


def test_without_a_root_the_reason_says_that_it_is_no_page() -> None:
    assert "no root" in why(told(**routes("  resources :things\n")), "health_path")
    assert "no root" not in why(told(**routes("  root 'a#b'\n")), "health_path")


GROUPS = """gem "rails"
gem 'rack' if ENV["X"]
group :development, :test do
  gem "debug"
  platforms :ruby do
    gem "thin"
  end
end
if File.exist?("x")
  gem "falcon"
end
%s
"""


@pytest.mark.parametrize(
    "line",
    [
        "group :test do\n  gem 'puma'\nend",
        "group 'development', 'test' do # both\n  if true\n    gem 'puma'\n  end\nend",
        "gem 'puma', group: :test",
        "gem 'puma', '~> 6', :groups => [:development, :test]",
        "gem 'puma', groups: %i[test development]",
    ],
)
@pytest.mark.parametrize("locked", [(), ("puma (6.6.0)", "rails (7.2.2)")])
def test_a_server_that_only_tests_have_is_not_in_the_image(
    line: str, locked: tuple[str, ...]
) -> None:
    """As in Redmine's Gemfile: `bundle exec puma` would find nothing."""
    files = {"Gemfile": (GROUPS % line).replace('"falcon"', '"other"')}
    found = told(**files, **({"Gemfile.lock": lock(*locked)} if locked else {}))
    assert "start" not in values(found)
    assert found.missing["start"] == (
        "Gemfile has puma for development and tests alone, which the image goes without: move "
        "it out of that group, or say start"
    )


@pytest.mark.parametrize(
    ("line", "start"),
    [
        ("gem 'puma'\ngroup :test do\n  gem 'puma'\nend", "bundle exec puma --bind"),
        ("group :production do\n  gem 'puma'\nend", "bundle exec puma --bind"),
        ("gem 'puma', groups: [:production, :test]", "bundle exec puma --bind"),
        ("group :test do\n  gem 'x'\nend\ngem 'puma', group: :web", "bundle exec puma --bind"),
        ("gem 'unicorn'\ngroup :test do\n  gem 'puma'\nend", "bundle exec unicorn -p $PORT"),
        ("group :test do\n  gem 'x'\nend", "bundle exec falcon serve"),
    ],
)
def test_a_server_that_production_has(line: str, start: str) -> None:
    assert values(told(Gemfile=GROUPS % line))["start"].startswith(start)


def test_jobs_of_a_gem_that_only_tests_have_run_nowhere() -> None:
    suggested = told(Gemfile='gem "rails"\ngem "sidekiq", group: :test\n').suggested
    assert "processes" not in {one.key for one in suggested}
    suggested = told(Gemfile='gem "rails"\ngem "sidekiq"\n').suggested
    assert "processes" in {one.key for one in suggested}


def test_databases_that_have_a_schema_and_no_migration_are_prepared() -> None:
    """As Rails 8 is generated: the tables of its queue and its cache are in a schema alone."""
    files = {
        "Gemfile": 'gem "rails"',
        "Gemfile.lock": lock("activerecord (8.0.1)", "rails (8.0.1)"),
    }
    assert values(told(**files))["migrate"] == "bundle exec rails db:migrate"
    found = told(**files, **{"db/queue_schema.rb": "", "db/schema.rb": ""})
    assert values(found)["migrate"] == "bundle exec rails db:prepare"
    assert values(found)["test_setup"].endswith("&& bundle exec rails db:prepare")
    assert "db/queue_schema.rb" in why(found, "migrate")


@pytest.mark.parametrize(
    "gem", ["webpacker", "jsbundling-rails", "cssbundling-rails", "shakapacker"]
)
def test_assets_that_node_compiles_need_it(gem: str) -> None:
    files = {"Gemfile": 'gem "rails"', "Gemfile.lock": lock(*LOCK, "sprockets-rails (3.4.2)")}
    assert not needs(told(**files, **{"package.json": "{}"}))
    files["Gemfile.lock"] = lock(*LOCK, "sprockets-rails (3.4.2)", f"{gem} (1.0.0)")
    assert needs(told(**files)) == (f"Node (Gemfile.lock has {gem} 1.0.0)",)
    assert needs(told(**files, **{"yarn.lock": ""})) == (
        f"Node (Gemfile.lock has {gem} 1.0.0)",
        "yarn (yarn.lock)",
    )
