# Boots a candidate image, waits until its own unit answers, runs the application's tests in it and
# brings the report home, whatever they say. The machine is told that it tests: its units run with
# the tests' environment from the first boot on, its migration too, and with nothing of production's. The amazon-ebsvolume
# builder without volumes keeps nothing of the machine.

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
  description = "Id of the candidate image."
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

variable "app_folder" {
  type        = string
  default     = ""
  description = "Where in what is released the application is, such as apps/web; empty: at its top."
}

variable "app_user" {
  type        = string
  default     = "webapp"
  description = "System user that the application and its tests run as."
}

variable "protocol" {
  type        = string
  default     = "http"
  description = "Protocol of the target group's requests: http or https."
}

variable "port" {
  type        = number
  default     = 3000
  description = "Port of the target group's requests."
}

variable "smoke" {
  type        = list(string)
  default     = ["/"]
  description = "Paths that are asked for before the tests run; none may be answered with 500 or more, or not at all."
}

variable "health_protocol" {
  type        = string
  default     = "http"
  description = "Protocol of the target group's health check: http or https."
}

variable "health_port" {
  type        = number
  default     = 3000
  description = "Port of the target group's health check."
}

variable "health_path" {
  type        = string
  default     = "/up"
  description = "Path of the target group's health check; it must be answered before the tests run."
}

variable "health_matcher" {
  type        = string
  default     = "200"
  description = "Statuses that count as an answer, written as a target group's matcher: \"200\", \"200,302\" or \"200-299\"."
}

variable "health_answer_seconds" {
  type        = number
  default     = 5
  description = "How long one answer may take: the timeout of the target group's health check."
}

variable "migrate_seconds" {
  type        = number
  default     = 600
  description = "How long the migration may take, all its tries together."
}

variable "process_names" {
  type        = list(string)
  default     = []
  description = "Names of the processes beside the web process: units of the image, too."
}

variable "start_seconds" {
  type        = number
  default     = 90
  description = "How long the application may take, once its migration is done, to answer its health check."
}

variable "test_setup_command" {
  type        = string
  default     = "bundle config unset --local without && bundle install --local --quiet && bundle exec rails db:migrate"
  description = "Shell command that installs the test dependencies and prepares the tests' own database, in a copy of the application's folder."
}

variable "test_command" {
  type        = string
  default     = "bundle exec rspec --format documentation --format RspecJunitFormatter --out \"$JUNIT\""
  description = "Shell command that runs the tests in that copy and writes a JUnit report to $JUNIT."
}

variable "test_environment" {
  type = map(string)
  default = {
    RAILS_ENV = "test"
  }
  description = "The whole environment of the candidate's units and of the two commands above; nothing of the application's own is handed on."
}

variable "test_seconds" {
  type        = number
  default     = 900
  description = "How long the two commands above may take together."
}

variable "test_services" {
  type        = list(string)
  default     = []
  description = "Services that are started on this machine for the tests, as systemd/test-services.sh knows them."
}

variable "test_configuration" {
  type        = list(string)
  default     = []
  description = "Lines of the user data that name where this machine reads the tests' settings and secrets: names, never a value."
}

variable "test_security_group_ids" {
  type        = list(string)
  default     = []
  description = "Security groups of this machine beside security_group_id, which must let Packer in."
}

variable "report_dir" {
  type        = string
  description = "Existing folder here where junit.xml (empty if there was no report, or several), junit.tar (all of several), test.log, journal.log, facts, packages and exit-code come home."
}

locals {
  # Readable by systemd's EnvironmentFile and by a shell alike.
  environment = [
    for name, value in var.test_environment :
    "${name}=\"${replace(replace(replace(replace(value, "\\", "\\\\"), "\"", "\\\""), "$", "\\$"), "`", "\\`")}\"\n"
  ]
}

locals {
  # Packer before 1.8.1 signs its login with SHA-1 only, which Debian 12's sshd refuses unless it
  # is told otherwise. On this machine only: no image keeps it (scripts/clean.sh).
  # The comments are for the image's own role unit (systemd/role.sh).
  user_data = <<EOF
#cloud-config
# spotkiln-role: tester
# spotkiln-environment: ${base64encode(join("", local.environment))}${join("", formatlist("\n%s", var.test_configuration))}
write_files:
  - path: /etc/ssh/sshd_config.d/10-packer.conf
    content: "PubkeyAcceptedAlgorithms +ssh-rsa\n"
EOF
}

source "amazon-ebsvolume" "test" {
  region              = var.region
  custom_endpoint_ec2 = var.endpoint
  source_ami          = var.source_ami

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
  # A machine that shuts itself down must not stay behind, stopped and billed for its disk.
  shutdown_behavior = "terminate"
  user_data         = local.user_data

  communicator                          = "ssh"
  ssh_username                          = var.ssh_username
  ssh_interface                         = var.ssh_interface
  ssh_timeout                           = "5m"
  temporary_security_group_source_cidrs = var.security_group_id == "" ? var.ssh_source_cidrs : null
  security_group_ids                    = concat(var.security_group_id == "" ? [] : [var.security_group_id], var.test_security_group_ids)
  temporary_key_pair_name               = var.key_pair_name

  run_tags        = var.run_tags
  run_volume_tags = var.run_tags
}

build {
  sources = ["source.amazon-ebsvolume.test"]

  # Into the login user's HOME, which is where the script begins: nobody else on this machine can put
  # something in its place.
  provisioner "file" {
    source      = "${path.root}/scripts/test"
    destination = "."
  }

  # Records its exit code and exits 0, or the report could not be fetched.
  provisioner "shell" {
    execute_command = "sudo env {{ .Vars }} bash '{{ .Path }}'"
    # What people write freely goes in base64, because Packer reads {{ }} in these strings.
    environment_vars = [
      "SPOTKILN_PARTS=./test",
      "SPOTKILN_APP=${var.app_name}",
      "SPOTKILN_USER=${var.app_user}",
      "SPOTKILN_FOLDER=${var.app_folder}",
      "SPOTKILN_PROTOCOL=${var.protocol}",
      "SPOTKILN_PORT=${var.port}",
      "SPOTKILN_PROCESSES=${join(" ", var.process_names)}",
      "SPOTKILN_HEALTH_PROTOCOL=${var.health_protocol}",
      "SPOTKILN_HEALTH_PORT=${var.health_port}",
      "SPOTKILN_HEALTH_MATCHER=${var.health_matcher}",
      "SPOTKILN_REPORT=/var/tmp/spotkiln-report",
      "SPOTKILN_HEALTH_ANSWER_SECONDS=${var.health_answer_seconds}",
      "SPOTKILN_MIGRATE_SECONDS=${var.migrate_seconds}",
      "SPOTKILN_START_SECONDS=${var.start_seconds}",
      "SPOTKILN_TEST_SECONDS=${var.test_seconds}",
      "SPOTKILN_HEALTH_PATH_BASE64=${base64encode(var.health_path)}",
      "SPOTKILN_SMOKE_BASE64=${base64encode(join("\n", var.smoke))}",
      "SPOTKILN_TEST_SERVICES=${join(" ", var.test_services)}",
      "SPOTKILN_ENVIRONMENT_BASE64=${base64encode(join("", local.environment))}",
      "SPOTKILN_SETUP_BASE64=${base64encode(var.test_setup_command)}",
      "SPOTKILN_TEST_BASE64=${base64encode(var.test_command)}",
    ]
    scripts = ["${path.root}/scripts/test.sh"]
  }

  # One by one: of several sources Packer 1.6.6 writes all into the first one's file.
  provisioner "file" {
    direction   = "download"
    source      = "/var/tmp/spotkiln-report/junit.xml"
    destination = "${var.report_dir}/junit.xml"
  }

  provisioner "file" {
    direction   = "download"
    source      = "/var/tmp/spotkiln-report/junit.tar"
    destination = "${var.report_dir}/junit.tar"
  }

  provisioner "file" {
    direction   = "download"
    source      = "/var/tmp/spotkiln-report/test.log"
    destination = "${var.report_dir}/test.log"
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

  provisioner "file" {
    direction   = "download"
    source      = "/var/tmp/spotkiln-report/packages"
    destination = "${var.report_dir}/packages"
  }

  provisioner "file" {
    direction   = "download"
    source      = "/var/tmp/spotkiln-report/exit-code"
    destination = "${var.report_dir}/exit-code"
  }

  # 20 tests, 30 unit; 10 dependencies.
  provisioner "shell" {
    inline = ["exit $(cat /var/tmp/spotkiln-report/exit-code)"]
  }
}
