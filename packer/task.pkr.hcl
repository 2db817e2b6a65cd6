# Boots an image for one command: with the servers' instance profile, security groups and
# configuration, but nothing that serves starts on it. What the command says is followed, and comes
# home with how it ended. The amazon-ebsvolume builder without volumes keeps nothing of the machine.

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

variable "security_group_ids" {
  type        = list(string)
  description = "Security groups of the machine: those of the servers, and one that lets Packer in."
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
  description = "Id of the image."
}

variable "run_tags" {
  type        = map(string)
  default     = {}
  description = "Tags of the machine that is launched, and of its volumes."
}

variable "app_name" {
  type        = string
  description = "Name of the application, as it was given when the image was made."
}

variable "configuration" {
  type        = string
  default     = ""
  description = "Lines that tell the machine where its settings and secrets are, as servers are told."
}

variable "command_file" {
  type        = string
  description = "A file here with the command, in bash. It is on no command line."
}

variable "seconds" {
  type        = number
  description = "How long the command may take."
}

variable "report_dir" {
  type        = string
  description = "Existing folder here where output, journal.log and facts come home."
}

locals {
  # Packer before 1.8.1 signs its login with SHA-1 only, which Debian 12's sshd refuses unless it
  # is told otherwise. On this machine only.
  # The comments are for the image's own units (systemd/role.sh).
  user_data = <<EOF
#cloud-config
# spotkiln-role: task
${var.configuration}
write_files:
  - path: /etc/ssh/sshd_config.d/10-packer.conf
    content: "PubkeyAcceptedAlgorithms +ssh-rsa\n"
EOF
}

source "amazon-ebsvolume" "task" {
  region              = var.region
  custom_endpoint_ec2 = var.endpoint
  source_ami          = var.source_ami

  instance_type        = var.instance_type
  vpc_id               = var.vpc_id
  subnet_id            = var.subnet_id
  iam_instance_profile = var.iam_instance_profile
  # Nothing is asked for but what is said.
  associate_public_ip_address = var.public_address == "" ? null : var.public_address == "true"
  # A machine that shuts itself down must not stay behind, stopped and billed for its disk.
  shutdown_behavior = "terminate"
  user_data         = local.user_data

  communicator            = "ssh"
  ssh_username            = var.ssh_username
  ssh_interface           = var.ssh_interface
  ssh_timeout             = "5m"
  security_group_ids      = var.security_group_ids
  temporary_key_pair_name = var.key_pair_name

  run_tags        = var.run_tags
  run_volume_tags = var.run_tags
}

build {
  sources = ["source.amazon-ebsvolume.task"]

  provisioner "file" {
    source      = var.command_file
    destination = "/tmp/spotkiln-command"
  }

  provisioner "shell" {
    execute_command = "sudo env {{ .Vars }} bash '{{ .Path }}'"
    environment_vars = [
      "SPOTKILN_APP=${var.app_name}",
      "SPOTKILN_SECONDS=${var.seconds}",
      "SPOTKILN_COMMAND=/tmp/spotkiln-command",
      "SPOTKILN_REPORT=/var/tmp/spotkiln-report",
    ]
    scripts = ["${path.root}/scripts/task.sh"]
  }

  # One by one: of several sources Packer 1.6.6 writes all into the first one's file.
  provisioner "file" {
    direction   = "download"
    source      = "/var/tmp/spotkiln-report/output"
    destination = "${var.report_dir}/output"
  }

  provisioner "file" {
    direction   = "download"
    source      = "/var/tmp/spotkiln-report/journal.log"
    destination = "${var.report_dir}/journal.log"
  }

  provisioner "file" {
    direction   = "download"
    source      = "/var/tmp/spotkiln-report/facts"
    destination = "${var.report_dir}/facts"
  }
}
