#!/usr/bin/env bash
# Names this machine <application>-<instance id>. Asks the metadata service by IMDSv2 only.
# usage: set-hostname APPLICATION
set -euo pipefail

readonly app=${1:?usage: set-hostname APPLICATION}
readonly metadata=http://169.254.169.254/latest

# Its route may come up a moment after the network does.
ask() {
  curl --silent --show-error --fail --noproxy '*' --connect-timeout 1 --max-time 3 \
    --retry 10 --retry-delay 1 --retry-max-time 25 --retry-all-errors "$@"
}

token=$(ask --request PUT --header 'X-aws-ec2-metadata-token-ttl-seconds: 60' "$metadata/api/token")
# From standard input: a token on the command line could be read by anybody here.
instance=$(ask --header @- "$metadata/meta-data/instance-id" <<<"X-aws-ec2-metadata-token: $token")
[[ $instance =~ ^i-[0-9a-f]+$ ]] || {
  echo "set-hostname: expected an instance id from the metadata service, got \"$instance\"" >&2
  exit 1
}
hostnamectl set-hostname "$app-$instance"
