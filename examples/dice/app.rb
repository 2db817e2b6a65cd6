# Throws dice: GET /throw?sides=6 answers {"sides": 6, "value": 4}.

require "json"
require "rack"

class Dice
  SIDES = (2..1000)

  def initialize(revision:, random: Random.new)
    @revision = revision
    @random = random
  end

  def call(env)
    request = Rack::Request.new(env)
    case request.path_info
    when "/health" then json(200, status: "ok")
    when "/throw" then throw_one(request.params.fetch("sides", "6"))
    when "/" then [200, { "content-type" => "text/html" }, [page]]
    else json(404, error: "there is /, /throw?sides=6 and /health")
    end
  end

  private

  def throw_one(text)
    sides = Integer(text, 10, exception: false)
    unless SIDES.cover?(sides)
      return json(400, error: "expected #{SIDES.min} to #{SIDES.max} sides, got #{text.inspect}")
    end

    json(200, sides: sides, value: @random.rand(1..sides))
  end

  def page
    "<!doctype html><title>Dice</title><p><a href='/throw?sides=6'>Throw</a></p>" \
      "<p>Revision <code>#{@revision}</code></p>"
  end

  def json(status, content)
    [status, { "content-type" => "application/json" }, [JSON.generate(content)]]
  end
end
