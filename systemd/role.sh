#!/usr/bin/env bash
# Decides what this machine is, by what its user data says, and lays the environment of the
# application's units where they look for it. Until it has, and on a machine that was told nothing,
# they do not start: so no machine can migrate or serve with production's environment that was not
# launched to serve.
#
# A line of the user data names the role:
#   # spotkiln-role: server    the environment is the image's own
#   # spotkiln-role: task      the same, for one command: nothing that serves starts here
#   # spotkiln-role: tester    it is what the line "# spotkiln-environment: <base64>" holds, and the
#                              image's own goes from this machine
# A file of the role's name in /run/spotkiln/<application> is what the units ask for.
# Others name where its configuration is (systemd/read-config.sh), each path and secret by itself:
#   # spotkiln-parameters: /a/path/
#   # spotkiln-secret: a/name
# Another tells where its logs go (systemd/ship-logs.sh), and for how many days they stay:
#   # spotkiln-logs: /a/group 30
# usage: role APPLICATION
set -euo pipefail
umask 077

readonly app=${1:?usage: role APPLICATION}
metadata=${AWS_EC2_METADATA_SERVICE_ENDPOINT:-http://169.254.169.254}
readonly metadata=${metadata%/}/latest
readonly run=${SPOTKILN_RUN:-/run/spotkiln/$app} own=/etc/$app/environment
# How long what may pass is tried again, and how long "there is none" is not believed.
readonly PATIENCE=540 CERTAINTY=5

refuse() {
  echo "role: $*; nothing of $app starts here" >&2
  exit 1
}

# By IMDSv2 only.
ask() {
  curl --silent --show-error --noproxy '*' --connect-timeout 1 --max-time 3 "$@"
}

# Lays down the user data. A service that is slow, or has too much to do, is no machine without any.
read_user_data() {
  local status none_since=''
  while true; do
    # From standard input: a token on the command line could be read by anybody here.
    status=$(ask --header @- --output "$run/user-data" --write-out '%{http_code}' \
      "$metadata/user-data" <<<"X-aws-ec2-metadata-token: $token") || status=000
    case $status in
      200) return ;;
      404)
        none_since=${none_since:-$SECONDS}
        ((SECONDS - none_since < CERTAINTY)) || refuse "this machine has no user data that names its role"
        ;;
    esac
    ((SECONDS < PATIENCE)) || refuse "the metadata service does not give the user data (status $status)"
    sleep 1
  done
}

# The values of all lines of that name.
lines() {
  sed --quiet "s/^# spotkiln-$1: *//p" "$run/user-data"
}

rm -f "$run"/*
token=$(ask --fail --retry 1000 --retry-delay 1 --retry-max-time "$PATIENCE" --retry-all-errors \
  --request PUT --header 'X-aws-ec2-metadata-token-ttl-seconds: 600' "$metadata/api/token") ||
  refuse "the metadata service does not answer"
read_user_data

role=$(lines role)
case $role in
  server | task)
    [[ -f $own ]] || refuse "a $role needs $own, which is gone"
    ln -s "$own" "$run/environment"
    ;;
  tester)
    rm -f "$own"
    lines environment | base64 --decode >"$run/environment.new" ||
      refuse "the environment in the user data is not base64"
    mv "$run/environment.new" "$run/environment"
    ;;
  *) refuse "expected one line \"# spotkiln-role: server\", \"task\" or \"tester\" in its user data, got \"$role\"" ;;
esac
# For systemd/mounts.sh: a folder and what is mounted there, by lines.
lines mount >"$run/mounts"
# For systemd/read-config.sh.
lines parameters >"$run/parameters"
lines secret >"$run/secrets"
# Read by systemd itself, which takes nothing of these as special.
lines logs | sed --quiet --regexp-extended 's|^([A-Za-z0-9_./-]+) ([0-9]+)$|GROUP=\1\nDAYS=\2|p' >"$run/logs"
rm "$run/user-data"
echo "$role" >"$run/role"
# Whoever may not read that can see this.
: >"$run/$role"
echo "role: this machine is a $role"
