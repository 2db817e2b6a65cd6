Rails.application.configure do
  config.cache_classes = true
  config.eager_load = false
  config.consider_all_requests_local = true
  config.action_dispatch.show_exceptions = (Rails::VERSION::MAJOR < 7) ? false : :none
  config.active_support.deprecation = :stderr
end
