# Serves on $PORT with WEBrick, which cannot tell systemd when it is ready.

# Since version 3 Rack keeps its handlers in a gem of its own.
begin
  require "rackup/handler/webrick"
rescue LoadError
  require "rack/handler/webrick"
end
require_relative "app"

Handler = defined?(Rackup) ? Rackup::Handler::WEBrick : Rack::Handler::WEBrick

folder = __dir__
revision = File.read(File.join(folder, "REVISION"))[0, 12]
server = WEBrick::HTTPServer.new(
  Port: Integer(ENV.fetch("PORT")),
  AccessLog: [],
  Logger: WEBrick::Log.new($stderr, WEBrick::BasicLog::INFO),
)
server.mount("/", Handler, Dice.new(revision: revision))
# What is being answered is answered: shutdown waits for it.
%w[TERM INT].each { |name| trap(name) { server.shutdown } }
server.start
