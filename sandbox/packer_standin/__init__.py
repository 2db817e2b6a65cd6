"""A stand-in for Packer 1.6.6, for machines that are simulated: the same EC2 calls, lines, files
and exit codes, but no SSH and no provisioning. Standard library only: a bake costs milliseconds."""
