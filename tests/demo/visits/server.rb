# Counts visits in Redis, where it has one. It also writes into its own folder, where it may not, and
# serves on without.

require "socket"
require "uri"
require "webrick"

class Counter
  def initialize(address)
    @address = URI(address)
  end

  # Raises a SystemCallError while Redis is away.
  def next
    socket = Socket.tcp(@address.host, @address.port, connect_timeout: 2)
    socket.write("AUTH #{@address.password}\r\nINCR visits\r\nQUIT\r\n")
    Integer(socket.read[/:(\d+)/, 1])
  ensure
    socket&.close
  end
end

def keep_uploads
  Dir.mkdir(File.join(__dir__, "uploads"))
rescue SystemCallError => error
  warn "no uploads: #{error.message}"
end

keep_uploads
File.write(File.join(ENV.fetch("STATE_DIRECTORY", "/tmp"), "started"), Time.now.to_s)
counter = Counter.new(ENV["REDIS_URL"]) if ENV["REDIS_URL"]
server = WEBrick::HTTPServer.new(
  Port: Integer(ENV.fetch("PORT")),
  AccessLog: [],
  Logger: WEBrick::Log.new($stderr, WEBrick::BasicLog::INFO),
)
server.mount_proc("/") do |request, answer|
  answer["Content-Type"] = "text/html"
  case request.path
  when "/health" then answer.body = "ok"
  when "/style.css"
    answer["Content-Type"] = "text/css"
    answer.body = "p { color: teal }"
  else
    answer.body = "<!doctype html><link rel=stylesheet href=style.css><p>Visit #{counter&.next || "?"}</p>"
  end
end
%w[TERM INT].each { |name| trap(name) { server.shutdown } }
server.start
