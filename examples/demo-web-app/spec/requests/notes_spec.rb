RSpec.describe "Notes" do
  it "shows the revision and the host's name" do
    get "/"

    expect(response).to have_http_status(:ok)
    expect(response.body).to include(Rails.configuration.revision.first(12), Socket.gethostname)
    expect(response.headers["X-Revision"]).to eq(Rails.configuration.revision)
  end

  it "keeps a note and shows it" do
    post "/notes", params: { note: { text: "fish & chips" } }
    follow_redirect!

    expect(response.body).to include("fish &amp; chips")
  end

  it "refuses an empty note and says why" do
    post "/notes", params: { note: { text: "" } }

    expect(response).to have_http_status(:unprocessable_entity)
    expect(response.body).to include("Text can&#39;t be blank")
    expect(Note.count).to eq(0)
  end

  it "has a style sheet" do
    get "/"
    get response.body[/href="([^"]+\.css)"/, 1]

    expect(response).to have_http_status(:ok)
    expect(response.media_type).to eq("text/css")
  end
end
