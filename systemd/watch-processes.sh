#!/usr/bin/env bash
# Watches the processes that an application runs beside its web process. It is ready once all of them
# have started: only then the web process starts, so that no server with a dead worker gets requests,
# and no release of one is proved. From then on it takes no server out of service: what all workers
# need, such as a queue, would take all servers along. A process that systemd has given up is started
# again after a pause, for as long as the machine lives.
#
# Of the processes that may run on one server only, it starts those here while this machine is the one:
# the healthy target of the target group with the lowest instance id. It stops them when it is not, and
# when that could not be asked for LOST_SECONDS. Another machine waits, before it starts its own, until
# that must have happened.
# usage: watch-processes APPLICATION NAME:STARTED_SECONDS:STOP_SECONDS:each|once...
#   STARTED_SECONDS: for how long it must have run to count as started; 0 if it tells systemd itself
set -euo pipefail

readonly app=${1:?usage: watch-processes APPLICATION NAME:STARTED_SECONDS:STOP_SECONDS:each|once...}
readonly run=${SPOTKILN_RUN:-/run/spotkiln/$app} own=${RUNTIME_DIRECTORY:?is what systemd sets}
readonly leaving=${SPOTKILN_LEAVING:-/run/spotkiln-interruption/leaving}
# Exit status after which systemd does not try again (app-processes.service).
readonly GIVEN_UP=3
# How long a process that was given up is left alone; how often is looked, and asked who is in charge.
readonly PAUSE_SECONDS=${SPOTKILN_PAUSE_SECONDS:-60} LOOK_SECONDS=${SPOTKILN_LOOK_SECONDS:-5}
readonly ASK_SECONDS=${SPOTKILN_ASK_SECONDS:-10} LOST_SECONDS=${SPOTKILN_LOST_SECONDS:-40}
# One question takes no longer, with all its tries.
readonly ANSWER_SECONDS=${SPOTKILN_ANSWER_SECONDS:-45}
# How long a right may take to be known in all of AWS.
readonly RIGHTS_SECONDS=${SPOTKILN_RIGHTS_SECONDS:-60}

# shellcheck source=systemd/load-balancer.sh
. "${BASH_SOURCE[0]%/*}/load-balancer"

names=() each=() once=() longest_stop=0
declare -A started_after
for one in "${@:2}"; do
  IFS=: read -r name seconds stop where <<<"$one"
  names+=("$name")
  started_after[$name]=$seconds
  if [[ $where == once ]]; then
    once+=("$name")
    longest_stop=$((stop > longest_stop ? stop : longest_stop))
  else
    each+=("$name")
  fi
done

# Seconds since the boot: a clock that is set makes no difference.
now() {
  local up
  read -r up _ </proc/uptime
  echo "${up%.*}"
}

unit() {
  echo "$app-$1.service"
}

# look NAME: what systemd says of it, into `state`, `job`, `active_since`, `ended_at` (seconds since
# the boot), `result`.
look() {
  local key value
  state='' job='' active_since=0 ended_at=0 result=''
  while IFS='=' read -r key value; do
    case $key in
      ActiveState) state=$value ;;
      Job) job=$value ;;
      ActiveEnterTimestampMonotonic) active_since=$((value / 1000000)) ;;
      InactiveEnterTimestampMonotonic) ended_at=$((value / 1000000)) ;;
      Result) result=$value ;;
    esac
  done < <(systemctl show \
    --property=ActiveState,Job,ActiveEnterTimestampMonotonic,InactiveEnterTimestampMonotonic,Result \
    "$(unit "$1")")
}

# -- the start --

# started NAME: after `look`.
started() {
  [[ $state == active ]] && (($(now) - active_since >= started_after[$1]))
}

# Whether it will not start by itself any more; after `look`.
over() {
  [[ $state == failed || ($state == inactive && ${job:-0} == 0) ]]
}

give_up() {
  echo "processes: $*; nothing of $app serves here" >&2
  exit "$GIVEN_UP"
}

# prove NAME...: until all have started.
prove() {
  local name waiting ended ends=0
  while true; do
    waiting='' ended=''
    for name in "$@"; do
      look "$name"
      if over; then
        ended="$(unit "$name") does not start ($result)"
        break
      fi
      started "$name" || waiting=$name
    done
    # Twice in a row: what is seen between two states of a restart is no end.
    if [[ -n $ended ]]; then ((++ends < 2)) || give_up "$ended"; else ends=0; fi
    [[ -n $waiting$ended ]] || return 0
    sleep 0.5
  done
}

# -- from then on --

# revive NAME...: those that systemd has given up are started again.
revive() {
  local name
  for name in "$@"; do
    look "$name"
    if [[ $state == failed ]] && (($(now) - ended_at >= PAUSE_SECONDS)); then
      echo "processes: starting $(unit "$name") again, which has failed ($result)" >&2
      systemctl reset-failed "$(unit "$name")" || true
      systemctl start --no-block "$(unit "$name")" || true
    fi
  done
}

# Whether those that may run on one server only run here; since when this machine could be the one,
# or nothing; and when that was answered last.
here=no since='' answered=0

start_once() {
  here=yes
  echo "processes: $instance has the lowest id of the healthy targets: starting ${once[*]}"
  systemctl start --no-block "${once[@]/#/$app-}" || true
}

stop_once() {
  since=''
  if [[ $here == yes ]]; then
    echo "processes: $1: stopping ${once[*]}"
    systemctl stop "${once[@]/#/$app-}" || true
    here=no
  fi
}

# decide: start or stop what may run on one server only.
decide() {
  local status=0 wait=$((LOST_SECONDS + ANSWER_SECONDS + ASK_SECONDS + longest_stop))
  renew_token || true
  in_charge || status=$?
  case $status in
    0)
      answered=$(now)
      since=${since:-$answered}
      # More, not as much: both are whole seconds, so that the time between them may be one less.
      if [[ $here == no ]] && ((answered - since > wait)); then
        start_once
      fi
      ;;
    1)
      answered=$(now)
      stop_once "$instance is not the healthy target with the lowest id"
      ;;
    *)
      if (($(now) - answered >= LOST_SECONDS)); then
        stop_once "for $LOST_SECONDS s nobody could say whether $instance is the one"
      fi
      ;;
  esac
}

# Before anything serves: else it would be found out when the process is missed.
require_right() {
  local deadline=$((SECONDS + RIGHTS_SECONDS)) status
  while true; do
    status=0
    if introduce; then in_charge || status=$?; else status=2; fi
    ((status == 2)) || return 0
    ((SECONDS < deadline)) || give_up "it cannot be asked which server is to run ${once[*]}: the" \
      "instance's role needs the right to DescribeTargetHealth, and the instance its tags"
    sleep 3
  done
}

if [[ ! -e $run/server ]]; then
  # A machine that tests is alone.
  each=("${names[@]}")
  if ((${#once[@]})); then
    systemctl start --no-block "${once[@]/#/$app-}"
  fi
  once=()
elif ((${#once[@]})); then
  require_right
fi
# When this has ended by itself and is started again, they have long been proved.
if [[ ! -e $own/started ]]; then
  prove "${each[@]}"
  : >"$own/started"
fi
systemd-notify --ready --status="watching ${names[*]}"
echo "processes: started: ${each[*]:-none on each server}"

answered=$(now)
for name in "${once[@]}"; do
  look "$name"
  [[ $state == inactive ]] || here=yes
done
asked=0
while true; do
  sleep "$LOOK_SECONDS"
  [[ ! -e $leaving ]] || continue
  revive "${each[@]}"
  if ((${#once[@]})); then
    if (($(now) - asked >= ASK_SECONDS)); then
      asked=$(now)
      decide
    fi
    if [[ $here == yes ]]; then
      revive "${once[@]}"
    fi
  fi
done
