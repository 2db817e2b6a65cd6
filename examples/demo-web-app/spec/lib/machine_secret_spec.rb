require "tmpdir"

RSpec.describe MachineSecret do
  it "is made once for a machine and readable by its owner alone" do
    Dir.mktmpdir do |folder|
      secret = MachineSecret.new(folder).value

      expect(secret.length).to eq(128)
      expect(MachineSecret.new(folder).value).to eq(secret)
      expect(File.stat(File.join(folder, "secret_key_base")).mode & 0o777).to eq(0o600)
    end
  end

  it "is another one for each process where there is no state" do
    expect(MachineSecret.new(nil).value).not_to eq(MachineSecret.new(nil).value)
  end
end
