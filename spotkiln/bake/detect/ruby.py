"""Ruby: Rails, or another application on Rack."""

import re

from spotkiln.bake.detect.database import rails_on_sqlite
from spotkiln.bake.detect.detected import UNUSED, Detected, Notes
from spotkiln.bake.detect.gems import Gems
from spotkiln.bake.detect.locked import of_ruby, say_lock
from spotkiln.bake.detect.programs import Programs
from spotkiln.bake.detect.routes import has_root, health_route
from spotkiln.bake.detect.wanted import rails_wants, say_services
from spotkiln.bake.interpreter import Interpreter
from spotkiln.bake.processes import Process
from spotkiln.bake.tree import Tree

# Programs of gems, and of Ruby itself, that no gem is called after.
_OF_GEMS = {"rails", "rackup", "rake", "rspec", "ruby", "sidekiqswarm", "delayed_job"}
SERVERS = ("puma", "unicorn", "falcon", "thin")
# What compiles assets by Node.
BY_NODE = ("webpacker", "shakapacker", "jsbundling-rails", "cssbundling-rails")


def ruby_programs(tree: Tree) -> Programs:
    """A gem's program is found by bundler: the gems may lie in the application's own folder."""
    gems = Gems(tree)
    of_gems = _OF_GEMS | gems.wanted | gems.locked.keys() - {"bundler"}
    return lambda program: f"bundle exec {program}" if program in of_gems else program


def _install(tree: Tree, gems: Gems, notes: Notes) -> tuple[str, list[str]]:
    """How gems come, as a reason, and what `build` begins with: those of a lock file come into the
    application's folder, by themselves; else they are those of the base image."""
    without = "bundle config set --local without development:test"
    if not gems.lock:
        why = f"{gems.file} has no lock: the gems are those of the base image"
        notes.no_layer(why)
        return why, [without, _bundle(gems)]
    why = f"{gems.lock} names the gems"
    path = "bundle config set --local path vendor/bundle"
    notes.say("dependencies", " && ".join([path, without, _bundle(gems)]), why)
    say_lock(tree, notes, *of_ruby(tree, gems.file, gems.lock))
    return why, []


def _bundle(gems: Gems) -> str:
    return "bundle install --quiet" if gems.lock else "bundle install --local --quiet"


def _puma(tree: Tree, gems: Gems, notes: Notes) -> bool:
    """Puma serves, if it is there; it tells systemd when it is ready, in 5 with another gem."""
    why = gems.serves_with("puma")
    if not why:
        return False
    if tree.has("config/puma.rb"):
        notes.say("start", "bundle exec puma -C config/puma.rb", f"{why}, and config/puma.rb")
    else:
        notes.say("start", "bundle exec puma --bind tcp://0.0.0.0:$PORT", why)
    if gems.version("puma") >= (6,):
        notes.say("notify", True, f"{why}: it tells systemd")
    elif helper := gems.serves_with("sd_notify"):
        notes.say("notify", True, f"{helper}: puma tells systemd")
    else:
        notes.say("notify", False, f"{why}: it tells systemd from 6 on, or with the gem sd_notify")
    return True


def _server(tree: Tree, gems: Gems, notes: Notes, otherwise: tuple[str, str]) -> None:
    if _puma(tree, gems, notes):
        return
    if why := gems.serves_with("unicorn"):
        settings = " -c config/unicorn.rb" if tree.has("config/unicorn.rb") else ""
        notes.say("start", f"bundle exec unicorn -p $PORT{settings}", why)
    elif why := gems.serves_with("falcon"):
        notes.say("start", "bundle exec falcon serve --bind http://0.0.0.0:$PORT", why)
    elif why := gems.serves_with("thin"):
        notes.say("start", "bundle exec thin start -p $PORT", why)
    elif aside := next(filter(gems.aside, SERVERS), ""):
        notes.miss(
            "start",
            f"{gems.file} has {aside} for development and tests alone, which the image goes "
            "without: move it out of that group, or say start",
        )
    else:
        notes.say("start", *otherwise)
    notes.say("notify", False, "only puma is known to tell systemd when it is ready")


def _tests(gems: Gems, notes: Notes, minitest: str) -> None:
    """`minitest` runs these; each needs a gem that writes JUnit's XML."""
    rspec = gems.has("rspec-rails") or gems.has("rspec") or gems.has("rspec-core")
    if rspec and gems.has("rspec_junit_formatter"):
        notes.say(
            "test",
            'bundle exec rspec --format documentation --format RspecJunitFormatter --out "$JUNIT"',
            f"{rspec}, and rspec_junit_formatter",
        )
    elif rspec:
        notes.miss("test", f"{rspec}, and no gem rspec_junit_formatter: add it for a JUnit report")
    elif why := gems.has("minitest-junit"):
        notes.say("test", f'{minitest} --junit --junit-filename="$JUNIT"', why)
    else:
        notes.miss("test", "no gem that writes a JUnit report: add minitest-junit")


def _rails(tree: Tree, gems: Gems, why: str) -> Detected:
    notes = Notes("Rails")
    installed, build = _install(tree, gems, notes)
    assets = next(filter(None, map(gems.has, ("sprockets-rails", "propshaft", "sprockets"))), "")
    # Rails itself brings sprockets-rails until 6.1, and a lock names all.
    if assets or (not gems.lock and gems.version("rails") < (7,)):
        build.append("bundle exec rails assets:precompile")
    notes.say("build", " && ".join(build), ", ".join(filter(None, (installed, assets))))
    setup = f"bundle config unset --local without && {_bundle(gems)}"
    if gems.has("activerecord") or not gems.lock:
        migration, told = _migration(tree, why)
        notes.say("test_setup", f"{setup} && {migration}", told)
        notes.say("migrate", migration, told)
        if local := rails_on_sqlite(tree):
            notes.say("migrate_on", "each", local)
    else:
        notes.say("test_setup", setup, installed)
        notes.say("migrate", "", f"{gems.lock} has no activerecord")
    _server(tree, gems, notes, ("bundle exec rails server -b 0.0.0.0 -p $PORT", why))
    _tests(gems, notes, "bundle exec rails test")
    notes.say("health_path", *_rails_health(tree, gems, why))
    routes = tree.text("config/routes.rb")
    if routes and not has_root(routes):
        # When it tests, Rails before 7.1 answers an unknown path with 500.
        notes.say("smoke", (), "config/routes.rb has no root")
    notes.say("environment", _rails_environment(tree), why)
    stand_in = _stand_in(gems)
    notes.say(
        "build_environment",
        {"RAILS_ENV": "production", **stand_in},
        f"{why}; {next(iter(stand_in))} stands in for the secret that Rails asks for in production",
    )
    notes.say("test_environment", {"RAILS_ENV": "test"}, why)
    _jobs(tree, gems, notes)
    rails_wants(tree, gems.has, notes)
    if by_node := next(filter(None, map(gems.has, BY_NODE)), ""):
        notes.need("Node", by_node)
        if tree.has("yarn.lock"):
            notes.need("yarn", "yarn.lock")
    return _with_ruby(gems, notes)


def _migration(tree: Tree, why: str) -> tuple[str, str]:
    """Rails 8 has the tables of its queue, its cache and its cable in a schema, and no migration
    that makes them."""
    schemas = tree.fitting(r"db/\w+_(?:schema\.rb|structure\.sql)")
    if schemas:
        return "bundle exec rails db:prepare", f"{why}; {schemas[0]} is there"
    return "bundle exec rails db:migrate", why


def _stand_in(gems: Gems) -> dict[str, str]:
    """For the secret that Rails asks for in production, whatever it is to do."""
    if gems.version("rails") >= (7, 1):
        return {"SECRET_KEY_BASE_DUMMY": "1"}
    return {"SECRET_KEY_BASE": UNUSED}


def _rails_health(tree: Tree, gems: Gems, why: str) -> tuple[str, str]:
    routes = tree.text("config/routes.rb")
    if found := health_route(routes):
        return found, f"config/routes.rb has {found.removeprefix('/')}"
    if (0,) < gems.version("rails") < (7, 1) and routes:
        if not has_root(routes):
            return "/", f"{why}, config/routes.rb has no root: name a route that needs no login"
        return "/", f"{why}, which has no /up of its own: name one that needs no login"
    return "/up", f"{why}: its own health check"


def _rails_environment(tree: Tree) -> dict[str, str]:
    """What production.rb, as Rails generated it, asks for."""
    production = tree.text("config/environments/production.rb")
    asked = ("RAILS_SERVE_STATIC_FILES", "RAILS_LOG_TO_STDOUT")
    return {"RAILS_ENV": "production", **{name: "1" for name in asked if name in production}}


def _rack(tree: Tree, gems: Gems) -> Detected:
    notes = Notes("Rack")
    framework = next(
        filter(None, map(gems.has, ("sinatra", "roda", "hanami", "grape", "rack"))), ""
    )
    why = framework or "config.ru"
    installed, build = _install(tree, gems, notes)
    bundle = _bundle(gems)
    notes.say("build", " && ".join(build), installed)
    notes.say("test_setup", f"bundle config unset --local without && {bundle}", installed)
    notes.say("migrate", "", f"{why}: no migration is known")
    rackup = ("bundle exec rackup --host 0.0.0.0 --port $PORT", "config.ru")
    _server(tree, gems, notes, rackup)
    _tests(gems, notes, "bundle exec rake test")
    notes.say("environment", {"RACK_ENV": "production"}, why)
    notes.say("build_environment", {"RACK_ENV": "production"}, why)
    notes.say("test_environment", {"RACK_ENV": "test"}, why)
    notes.say("health_path", "/", "none is known: name one that needs no login and no database")
    _jobs(tree, gems, notes)
    say_services(gems.has, notes)
    return _with_ruby(gems, notes)


def _jobs(tree: Tree, gems: Gems, notes: Notes) -> None:
    """What runs jobs. The machine that tests runs it as well, so what it needs must be there."""
    if why := gems.serves_with("sidekiq"):
        told = gems.version("sidekiq") >= (6, 0, 6)
        worker = Process(start="bundle exec sidekiq", **({"notify": True} if told else {}))
        needs = "; the tests need its Redis: `test_services: [redis]`"
    elif why := gems.serves_with("good_job"):
        worker, needs = Process(start="bundle exec good_job start"), ""
    elif why := gems.serves_with("delayed_job"):
        worker, needs = Process(start="bundle exec rake jobs:work"), ""
    elif (why := gems.serves_with("solid_queue")) and _on_solid_queue(tree):
        worker = Process(start="bin/jobs")
        needs = "; the tests' database needs its tables"
    else:
        return
    notes.suggest("processes", {"worker": worker}, f"{why}: nothing else runs its jobs{needs}")


def _on_solid_queue(tree: Tree) -> bool:
    """Whether production's jobs go there, and puma does not run them."""
    if not tree.has("bin/jobs"):
        return False
    production = tree.text("config/environments/production.rb")
    in_puma = re.search(r"^\s*plugin :solid_queue\s*$", tree.text("config/puma.rb"), re.MULTILINE)
    used = re.search(
        r"^\s*config\.active_job\.queue_adapter = :solid_queue", production, re.MULTILINE
    )
    return bool(used) and not in_puma


def _with_ruby(gems: Gems, notes: Notes) -> Detected:
    if wanted := gems.ruby():
        notes.need_version(Interpreter.RUBY, wanted, gems.file, demanded=True)
    return notes.told()


def detect_ruby(tree: Tree) -> Detected | None:
    gems = Gems(tree)
    if not gems.file:
        return None
    if why := gems.has("rails") or gems.has("railties"):
        return _rails(tree, gems, why)
    return _rack(tree, gems) if tree.has("config.ru") else None
