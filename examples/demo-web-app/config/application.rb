require_relative "boot"

require "rails"
require "active_model/railtie"
require "active_record/railtie"
require "action_controller/railtie"
require "action_view/railtie"
require "sprockets/railtie" if Rails::VERSION::MAJOR < 7

Bundler.require(*Rails.groups)

require_relative "../lib/machine_secret"

module DemoWebApp
  class Application < Rails::Application
    config.load_defaults 6.1

    # The commit that this machine serves; the image carries it.
    config.revision = Rails.root.join("REVISION").then { |file| file.exist? ? file.read.strip : "unreleased" }
    config.secret_key_base = MachineSecret.new(ENV["STATE_DIRECTORY"]).value

    # Nobody logs in: there is no session that a forged request could ride on, and a form that one
    # machine served may be sent to another.
    config.action_controller.allow_forgery_protection = false

    # db/migrate is the only description of the database.
    config.active_record.dump_schema_after_migration = false
    config.assets.precompile = ["application.css"] if Rails::VERSION::MAJOR < 7
    config.action_dispatch.default_headers["X-Revision"] = config.revision
  end
end
