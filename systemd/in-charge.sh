#!/usr/bin/env bash
# Whether a timer's command is to run on this machine, of those that run on one server only: the
# healthy target of the target group with the lowest instance id. Exits with 0 if it is, with 1 if
# another one is (systemd then skips the command), with 255 if that cannot be asked (its unit fails).
# usage: in-charge APPLICATION
set -euo pipefail

readonly app=${1:?usage: in-charge APPLICATION}
readonly run=${SPOTKILN_RUN:-/run/spotkiln/$app}

# shellcheck source=systemd/load-balancer.sh
. "${BASH_SOURCE[0]%/*}/load-balancer"

# A machine that tests is alone.
[[ -e $run/server ]] || exit 0
introduce || exit 255
status=0
in_charge || status=$?
case $status in
  0) ;;
  1)
    echo "another server's turn: $instance is not the healthy target with the lowest id"
    exit 1
    ;;
  *) exit 255 ;;
esac
