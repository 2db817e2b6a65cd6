# From an image of Debian or Ubuntu to the one that applications are baked on: updates, packages, the
# application user. Slow things belong here, so that an application's own bake is short.
# `spotkiln base` runs it, with the variables of a line (docs/bases.md).

variable "region" {
  type        = string
  description = "AWS region the image is built in and belongs to."
}

variable "endpoint" {
  type        = string
  default     = ""
  description = "Address of another EC2 API; empty means AWS itself."
}

variable "instance_type" {
  type        = string
  default     = "t3.small"
  description = "Instance type of the builder."
}

variable "spot_types" {
  type        = list(string)
  default     = []
  description = "Types of a Spot machine, of which EC2 takes one; empty: an On-Demand one of instance_type."
}

variable "vpc_id" {
  type        = string
  default     = ""
  description = "VPC of the builder; empty means the account's default VPC."
}

variable "subnet_id" {
  type        = string
  default     = ""
  description = "Subnet of the builder; empty lets AWS choose one in the default VPC."
}

variable "public_address" {
  type        = string
  default     = ""
  description = "Whether it gets a public address: true, or false, which Packer before 1.8 cannot ask for; empty: as the subnet says."
}

variable "ssh_interface" {
  type        = string
  default     = "public_ip"
  description = "Address by which the builder is reached: public_ip, private_ip, public_dns, private_dns or session_manager."
}

variable "ssh_username" {
  type        = string
  default     = "admin"
  description = "The source image's login user, who may use sudo; Debian's images call it admin."
}

variable "ssh_source_cidrs" {
  type        = list(string)
  description = "Address ranges that may reach the builder's SSH port while it runs."
}

variable "security_group_id" {
  type        = string
  default     = ""
  description = "Security group of the builder; empty lets Packer make one that is open to ssh_source_cidrs."
}

variable "key_pair_name" {
  type        = string
  default     = ""
  description = "Name of the builder's temporary key pair, chosen beforehand so that it can be found; empty lets Packer choose."
}

variable "iam_instance_profile" {
  type        = string
  default     = ""
  description = "Instance profile of the builder; empty means none."
}

variable "source_ami" {
  type        = string
  description = "Id of the image of Debian or Ubuntu to start from."
}

variable "root_device" {
  type        = string
  default     = ""
  description = "Where the image that it starts from has its root disk, such as /dev/xvda; empty: that disk is as the image has it."
}

variable "root_gib" {
  type        = number
  default     = 0
  description = "Size of the root disk in GiB; 0: as the image has it."
}

variable "root_type" {
  type        = string
  default     = ""
  description = "EBS's type of the root disk, gp3 or gp2; empty: as the image has it."
}

variable "image_name" {
  type        = string
  description = "Name of the image to make, unique in the account and region, such as \"rails-base 20240131120000\"."
}

variable "tags" {
  type        = map(string)
  default     = {}
  description = "Tags of the image and its snapshots."
}

variable "run_tags" {
  type        = map(string)
  default     = {}
  description = "Tags of the machine that is launched, and of its volumes."
}

variable "manifest" {
  type        = string
  description = "File that Packer's manifest post-processor writes the image's id to."
}

variable "package_list" {
  type        = string
  description = "File that the list of all installed packages with their versions is downloaded to."
}

variable "app_user" {
  type        = string
  default     = "webapp"
  description = "System user that applications run as."
}

variable "packages" {
  type = list(string)
  default = [
    "bundler",
    "puma",
    "ruby",
    "ruby-bootsnap",
    "ruby-rackup|ruby-rack",
    "ruby-rails",
    "ruby-rails-propshaft|ruby-sprockets-rails",
    "ruby-rspec-junit-formatter",
    "ruby-rspec-rails",
    "ruby-sd-notify",
    "ruby-sqlite3",
    "ruby-webrick",
    "sqlite3",
  ]
  description = "Packages to install, without their recommendations; of `a|b` the first that there is."
}

variable "sources" {
  type        = map(string)
  default     = {}
  description = "Other archives of packages, in deb822's form, by names for their files."
}

variable "setup" {
  type        = string
  default     = ""
  description = "Lines of bash, run as root after the packages are installed."
}

locals {
  # Packer before 1.8.1 signs its login with SHA-1 only, which Debian 12's sshd refuses unless it
  # is told otherwise. On this machine only: no image keeps it (scripts/clean.sh).
  user_data = <<EOF
#cloud-config
write_files:
  - path: /etc/ssh/sshd_config.d/10-packer.conf
    content: "PubkeyAcceptedAlgorithms +ssh-rsa\n"
EOF
}

source "amazon-ebs" "base" {
  region              = var.region
  custom_endpoint_ec2 = var.endpoint
  source_ami          = var.source_ami
  ami_name            = var.image_name

  # At most for what On-Demand costs. The tags are those of the launch template that Packer makes.
  spot_price          = length(var.spot_types) > 0 ? "auto" : null
  spot_instance_types = length(var.spot_types) > 0 ? var.spot_types : null
  spot_tags           = length(var.spot_types) > 0 ? var.run_tags : null

  instance_type        = length(var.spot_types) > 0 ? null : var.instance_type
  vpc_id               = var.vpc_id
  subnet_id            = var.subnet_id
  iam_instance_profile = var.iam_instance_profile
  # Nothing is asked for but what is said.
  associate_public_ip_address = var.public_address == "" ? null : var.public_address == "true"
  # A builder that shuts itself down must not stay behind, stopped and billed for its disk.
  shutdown_behavior = "terminate"
  user_data         = local.user_data

  dynamic "launch_block_device_mappings" {
    for_each = var.root_device == "" ? [] : [var.root_device]
    content {
      device_name           = launch_block_device_mappings.value
      volume_size           = var.root_gib > 0 ? var.root_gib : null
      volume_type           = var.root_type == "" ? null : var.root_type
      delete_on_termination = true
      # EC2's own defaults, which Packer 1.6.6 does not leave to it.
      iops       = var.root_type == "gp3" ? 3000 : null
      throughput = var.root_type == "gp3" ? 125 : null
    }
  }

  communicator                          = "ssh"
  ssh_username                          = var.ssh_username
  ssh_interface                         = var.ssh_interface
  ssh_timeout                           = "5m"
  temporary_security_group_source_cidrs = var.security_group_id == "" ? var.ssh_source_cidrs : null
  security_group_id                     = var.security_group_id
  temporary_key_pair_name               = var.key_pair_name

  tags            = var.tags
  snapshot_tags   = var.tags
  run_tags        = var.run_tags
  run_volume_tags = var.run_tags
}

build {
  sources = ["source.amazon-ebs.base"]

  provisioner "shell" {
    execute_command = "sudo env {{ .Vars }} bash '{{ .Path }}'"
    environment_vars = [
      "SPOTKILN_PACKAGES=${join(" ", var.packages)}",
      "SPOTKILN_SOURCES=${join(" ", [for name, text in var.sources : "${name}:${base64encode(text)}"])}",
      "SPOTKILN_SETUP_BASE64=${base64encode(var.setup)}",
      "SPOTKILN_USER=${var.app_user}",
    ]
    scripts = ["${path.root}/scripts/base.sh"]
  }

  provisioner "file" {
    direction   = "download"
    source      = "/etc/spotkiln/packages"
    destination = var.package_list
  }

  provisioner "shell" {
    execute_command = "sudo env {{ .Vars }} bash '{{ .Path }}'"
    scripts         = ["${path.root}/scripts/clean.sh"]
  }

  post-processor "manifest" {
    output = var.manifest
  }
}
