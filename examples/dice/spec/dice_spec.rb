require "rack/mock"
require_relative "../app"

RSpec.describe Dice do
  let(:dice) { Rack::MockRequest.new(Dice.new(revision: "abc", random: Random.new(1))) }

  def body(answer)
    JSON.parse(answer.body)
  end

  it "throws every side of a die and no other" do
    thrown = Array.new(200) { body(dice.get("/throw?sides=6"))["value"] }
    expect(thrown.uniq.sort).to eq([1, 2, 3, 4, 5, 6])
  end

  it "has six sides unless told otherwise" do
    expect(body(dice.get("/throw"))["sides"]).to eq(6)
  end

  %w[1 1001 many 6.5].each do |sides|
    it "refuses #{sides} sides and says why" do
      answer = dice.get("/throw?sides=#{sides}")
      expect(answer.status).to eq(400)
      expect(body(answer)["error"]).to include("2 to 1000", sides)
    end
  end

  it "is healthy" do
    expect(dice.get("/health").status).to eq(200)
  end

  it "shows its revision" do
    expect(dice.get("/").body).to include("abc")
  end

  it "knows no other pages" do
    expect(dice.get("/elsewhere").status).to eq(404)
  end
end
