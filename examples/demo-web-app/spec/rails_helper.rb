ENV["RAILS_ENV"] = "test"
require_relative "../config/environment"
require "rspec/rails"

# Rails 7.1 has given it another name.
migrations = ActiveRecord::Migration
migrations.respond_to?(:check_all_pending!) ? migrations.check_all_pending! : migrations.check_pending!

RSpec.configure do |config|
  config.use_transactional_fixtures = true
  config.infer_spec_type_from_file_location!
  config.disable_monkey_patching!
  config.order = :random
  Kernel.srand config.seed
end
