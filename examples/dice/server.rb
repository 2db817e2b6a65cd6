# Serves on $PORT with WEBrick, which cannot tell systemd when it is ready.

require "rack/handler/webrick"
require_relative "app"

folder = __dir__
revision = File.read(File.join(folder, "REVISION"))[0, 12]
server = WEBrick::HTTPServer.new(
  Port: Integer(ENV.fetch("PORT")),
  AccessLog: [],
  Logger: WEBrick::Log.new($stderr, WEBrick::BasicLog::INFO),
)
server.mount("/", Rack::Handler::WEBrick, Dice.new(revision: revision))
# What is being answered is answered: shutdown waits for it.
%w[TERM INT].each { |name| trap(name) { server.shutdown } }
server.start
