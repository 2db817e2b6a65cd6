RSpec.describe Note do
  it "needs a text" do
    expect(Note.new(text: " ")).not_to be_valid
  end

  it "takes a text of 200 characters and no longer one" do
    expect(Note.new(text: "a" * 200)).to be_valid
    expect(Note.new(text: "a" * 201)).not_to be_valid
  end

  it "lists the latest ten, newest first" do
    11.times { |number| Note.create!(text: "note #{number}") }

    expect(Note.latest.map(&:text)).to eq((1..10).map { |number| "note #{number}" }.reverse)
  end
end
