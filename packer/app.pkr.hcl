# From the base image to an application's: one commit's archive, its dependencies without the
# test ones, compiled assets, units installed and enabled. Nothing is tested here: the finished
# image is (test.pkr.hcl). Or to a layer, which has its dependencies alone, and from a layer to an
# application's image.

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
  description = "Id of the base image, or of a layer upon it."
}

variable "stage" {
  type        = string
  default     = "application"
  description = "What is made: application, or layer. A layer's archive has the files alone that its dependencies are made from."
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
  description = "Name of the image to make, unique in the account and region."
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

variable "app_name" {
  type        = string
  description = "Name of the application: its folder under /srv, its units, its state under /var/lib. Lower-case letters, digits and hyphens."
}

variable "app_folder" {
  type        = string
  default     = ""
  description = "Where in what is released the application is, such as apps/web; empty: at its top."
}

variable "app_user" {
  type        = string
  default     = "webapp"
  description = "System user that the application runs as; made when the base image has none of that name."
}

variable "app_archive" {
  type        = string
  description = "Path of a .tar.gz of the commit, with the application at its root."
}

variable "commit" {
  type        = string
  description = "Id of the commit; written to REVISION in the application's folder."
}

variable "test_services" {
  type        = list(string)
  default     = []
  description = "Services that the tests have on the machine that tests; the base image must have them."
}

variable "secrets_file" {
  type        = string
  default     = "/dev/null"
  description = "File of the build's secrets, in memory, as spotkiln/bake/secrets.py writes it. Their values are in no variable: this file would be on a disk, and a script's variables stand on the builder's command line."
}

variable "units" {
  type        = string
  description = "Folder of the units and their scripts, named units, as spotkiln/bake/units.py writes it."
}

variable "app_environment" {
  type = map(string)
  default = {
    RAILS_ENV = "production"
  }
  description = "Environment of the application. It is part of the image: never a secret."
}

variable "build_environment" {
  type = map(string)
  default = {
    RAILS_ENV       = "production"
    SECRET_KEY_BASE = "unused-at-build-time"
  }
  description = "Environment of the build command, all of it. Never a secret."
}

variable "dependencies_command" {
  type        = string
  default     = ""
  description = "Shell command that installs dependencies, run before the build command as that is, unless the source image is a layer; empty: the build command does it."
}

variable "build_command" {
  type        = string
  default     = "bundle config set --local without development:test && bundle install --local --quiet && bundle exec rails assets:precompile"
  description = "Shell command that compiles, and installs what dependencies_command does not, run once while the image is made, as the application's user in its folder."
}

variable "writable" {
  type        = list(string)
  default     = ["log", "storage", "tmp", "tmp/cache", "tmp/pids"]
  description = "Folders below the application's that it or its migration writes to when it runs; made where they are missing."
}

variable "mounts" {
  type        = list(string)
  default     = []
  description = "Folders that servers mount from a file system of their own."
}

variable "states" {
  type        = list(string)
  default     = ["writable/log", "writable/storage", "writable/tmp"]
  description = "Where these are in its state folder, without those that are in others: writable/tmp, migration/db."
}

locals {
  # Readable by systemd's EnvironmentFile and by a shell alike.
  environment = [
    for name, value in var.app_environment :
    "${name}=\"${replace(replace(replace(replace(value, "\\", "\\\\"), "\"", "\\\""), "$", "\\$"), "`", "\\`")}\"\n"
  ]
  build_environment = [
    for name, value in var.build_environment :
    "${name}=\"${replace(replace(replace(replace(value, "\\", "\\\\"), "\"", "\\\""), "$", "\\$"), "`", "\\`")}\"\n"
  ]
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

source "amazon-ebs" "app" {
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
  sources = ["source.amazon-ebs.app"]

  provisioner "file" {
    sources     = [var.app_archive, var.units]
    destination = "/tmp/"
  }

  # Into the builder's memory. app.sh takes it from there at once.
  provisioner "file" {
    source      = var.secrets_file
    destination = "/dev/shm/spotkiln-secrets"
  }

  provisioner "shell" {
    execute_command = "sudo env {{ .Vars }} bash '{{ .Path }}'"
    # What people write freely goes in base64, because Packer reads {{ }} in these strings.
    environment_vars = [
      "SPOTKILN_STAGE=${var.stage}",
      "SPOTKILN_APP=${var.app_name}",
      "SPOTKILN_USER=${var.app_user}",
      "SPOTKILN_FOLDER=${var.app_folder}",
      "SPOTKILN_COMMIT=${var.commit}",
      "SPOTKILN_ARCHIVE=/tmp/${basename(var.app_archive)}",
      "SPOTKILN_UNITS=/tmp/${basename(var.units)}",
      "SPOTKILN_TEST_SERVICES=${join(" ", var.test_services)}",
      "SPOTKILN_WRITABLE=${join(" ", var.writable)}",
      "SPOTKILN_MOUNTS=${join(" ", var.mounts)}",
      "SPOTKILN_STATES=${join(" ", var.states)}",
      "SPOTKILN_ENVIRONMENT_BASE64=${base64encode(join("", local.environment))}",
      "SPOTKILN_BUILD_ENVIRONMENT_BASE64=${base64encode(join("", local.build_environment))}",
      "SPOTKILN_DEPENDENCIES_BASE64=${base64encode(var.dependencies_command)}",
      "SPOTKILN_BUILD_BASE64=${base64encode(var.build_command)}",
    ]
    scripts = ["${path.root}/scripts/app.sh", "${path.root}/scripts/clean.sh"]
  }

  post-processor "manifest" {
    output = var.manifest
  }
}
