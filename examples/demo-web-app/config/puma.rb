# Started as `puma -C config/puma.rb` by the application's unit, which gives PORT and RAILS_ENV.
port ENV.fetch("PORT", 3000)
environment ENV.fetch("RAILS_ENV", "production")
threads 5, 5
