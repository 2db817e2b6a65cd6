RSpec.describe "Health" do
  it "is well" do
    get "/up"

    expect(response).to have_http_status(:ok)
    expect(response.body).to eq("ok")
  end
end
