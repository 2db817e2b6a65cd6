# For current Packer only, by `packer init packer/plugins.pkr.hcl`. Kept apart from the templates because Packer
# 1.6.6, the newest that Debian packages, has the plugin built in and rejects this block.
packer {
  required_plugins {
    amazon = {
      source  = "github.com/hashicorp/amazon"
      version = ">= 1.2.0, < 2.0.0"
    }
  }
}
