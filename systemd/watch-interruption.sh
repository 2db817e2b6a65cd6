#!/usr/bin/env bash
# Watches for the end of this Spot instance, so that no request fails by it: takes the machine out
# of its target groups, waits until the load balancer has let go of it, stops the application.
# Asks the metadata service by IMDSv2 only, and signs its calls with the instance role's credentials.
# What the application runs beside is told to stop at once: a job under way has all the time that is
# left.
# usage: watch-interruption APPLICATION STOP_SECONDS [UNIT...]
set -euo pipefail

readonly app=${1:?usage: watch-interruption APPLICATION STOP_SECONDS [UNIT...]}
readonly stop_seconds=${2:?usage: watch-interruption APPLICATION STOP_SECONDS [UNIT...]}
readonly beside=("${@:3}")
# There as soon as it leaves, and until the machine is gone: what runs beside is not started again
# (systemd/watch-processes.sh), and this goes on when it is started anew.
readonly leaving=${RUNTIME_DIRECTORY:?is what systemd sets}/leaving
# As often as AWS advises.
readonly look_seconds=${SPOTKILN_LOOK_SECONDS:-5}

# shellcheck source=systemd/load-balancer.sh
. "${BASH_SOURCE[0]%/*}/load-balancer"

# -- the load balancer --

# deregister: out of all its target groups; fails if it is not out of all.
deregister() {
  local group failed=0
  find_groups || return
  for group in $groups; do
    if call DeregisterTargets "TargetGroupArn=$group" "Targets.member.1.Id=$instance" >/dev/null; then
      echo "left $group"
    else
      echo "could not leave $group: the instance's role needs the right to DeregisterTargets" >&2
      failed=1
    fi
  done
  return "$failed"
}

# let_go: whether the load balancer has. Fails as well if it cannot be asked.
let_go() {
  local group found
  for group in $groups; do
    found=$(call DescribeTargetHealth "TargetGroupArn=$group" "Targets.member.1.Id=$instance") || return
    grep --quiet '<State>unused</State>' <<<"$found" || return
  done
}

# healthy_others: how many healthy targets its first target group has besides this machine.
healthy_others() {
  local group=${groups%% *} every own
  every=$(targets) || return
  own=$(call DescribeTargetHealth "TargetGroupArn=$group" "Targets.member.1.Id=$instance") || return
  echo $(($(count_healthy <<<"$every") - $(count_healthy <<<"$own")))
}

count_healthy() {
  grep --only-matching '<State>healthy</State>' | wc --lines
}

# -- the end --

# When the application must begin to stop, in seconds since 1970; 0 while there is no notice.
deadline=0

# noticed: whether the instance is to end. Sets the deadline: the application may take all its time
# to stop, or half of what is left.
noticed() {
  local notice end left
  notice=$(get spot/instance-action) || return
  end=$(date --date "$(text time <<<"$notice")" +%s) || end=$((EPOCHSECONDS + 90))
  left=$((end - EPOCHSECONDS))
  if ((deadline == 0)); then
    echo "Spot interruption: $(text action <<<"$notice") in $left s"
    deadline=$((end - (left / 2 < stop_seconds ? left / 2 : stop_seconds)))
  fi
}

# due: whether the application must begin to stop.
due() {
  noticed || true
  ((deadline > 0 && EPOCHSECONDS >= deadline))
}

# stop_beside: what it runs beside is told to stop, and not started again.
stop_beside() {
  : >"$leaving"
  if ((${#beside[@]})); then
    systemctl stop --no-block "${beside[@]}"
  fi
}

# leave: out of the target groups, the requests ended, the application stopped.
leave() {
  stop_beside
  if ! deregister; then
    echo "requests may fail when $app stops: it serves as long as it can" >&2
    # What failed may have passed. Not so patiently, nor aloud, for the end comes nearer.
    tries=1 answer_seconds=3
    until due || deregister 2>/dev/null; do
      sleep "$look_seconds"
      renew_token || true
    done
  fi
  until due || let_go; do
    sleep 1
    renew_token || true
  done
  echo "stopping $app"
  systemctl stop "$app.service"
  if ((${#beside[@]})); then
    # Those that still end their jobs are waited for.
    systemctl stop "${beside[@]}"
  fi
  echo "$app has stopped"
}

# replaced: after a recommendation to rebalance, whether as many others are healthy as all were
# then. Without capacity rebalancing no other comes: the machine serves on until its notice.
needed=''
replaced() {
  local others
  get events/recommendations/rebalance >/dev/null || return
  if [[ -z $needed ]]; then
    needed=never
    if [[ $(get tags/instance/spotkiln:capacity-rebalance || true) != on ]]; then
      echo "rebalance recommendation: no replacement is launched for it, serving on"
    elif find_groups && others=$(healthy_others); then
      needed=$((others + 1))
      echo "rebalance recommendation: leaving once $needed others are healthy"
    else
      echo "rebalance recommendation: others cannot be seen, serving on" >&2
    fi
  fi
  [[ $needed != never ]] && others=$(healthy_others) && ((others >= needed))
}

renew_token
# If it does not say, this fails, and is started again: it must not be taken for On-Demand.
life_cycle=$(get instance-life-cycle)
if [[ $life_cycle != spot ]]; then
  echo "this is no Spot instance: there is nothing to watch for"
  exit 0
fi
introduce
if ! get iam/security-credentials/ >/dev/null; then
  echo "this machine has no role: it cannot leave its target group before an interruption" >&2
fi
echo "watching for an interruption of $instance"
until [[ -e $leaving ]] || noticed || replaced; do
  sleep "$look_seconds"
  renew_token
done
leave
