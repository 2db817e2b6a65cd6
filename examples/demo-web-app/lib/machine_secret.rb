require "pathname"
require "securerandom"

# A secret that each machine makes for itself when it first needs one: no image carries it, and it
# is the same after a restart. Without a state folder (while an image is made, in tests) it lasts as
# long as the process.
class MachineSecret
  def initialize(state_folder)
    @file = state_folder && Pathname(state_folder).join("secret_key_base")
  end

  def value
    ENV["SECRET_KEY_BASE"] || kept || made
  end

  private

  def kept
    @file.read if @file&.exist?
  end

  def made
    SecureRandom.hex(64).tap { |secret| @file&.write(secret, perm: 0o600) }
  end
end
